//! The layout of all tables: columns and a line below the headings.

use comfy_table::{CellAlignment, Table, TableComponent, presets};

/// How the cells of a column are aligned.
#[derive(Clone, Copy)]
pub enum Align {
    Text,
    Number,
}

/// Creates an empty table. Its lines are as wide as their contents, on a terminal too: names that
/// are broken into pieces cannot be searched for.
pub fn table(columns: &[(&str, Align)]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_style(TableComponent::HeaderLines, '─');
    table.set_style(TableComponent::MiddleHeaderIntersections, '─');
    table.set_header(columns.iter().map(|(heading, _)| *heading));
    for (column, (_, align)) in table.column_iter_mut().zip(columns) {
        column.set_padding((0, 1));
        column.set_cell_alignment(match align {
            Align::Text => CellAlignment::Left,
            Align::Number => CellAlignment::Right,
        });
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = table(&[("", Align::Text), ("now", Align::Number)]);
        table.add_rows([["a", "10 µs"], ["bcd", "1"]]);
        let lines: Vec<_> = table.trim_fmt().lines().map(str::to_owned).collect();
        assert_eq!(lines[0], "       now");
        assert_eq!(lines[1].chars().filter(|c| *c != '─').count(), 0);
        assert_eq!(lines[2..], ["a    10 µs", "bcd      1"]);
    }
}
