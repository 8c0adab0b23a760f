//! Tables.

use super::html::without_tags;
use pulldown_cmark::{Event, Tag};

/// A table, which not all tools that read odoc's markup have. It becomes text with aligned columns.
#[derive(Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Takes an event between the beginning and the end of the table.
    pub fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Start(Tag::TableHead | Tag::TableRow) => self.rows.push(Vec::new()),
            Event::Start(Tag::TableCell) => {
                if let Some(row) = self.rows.last_mut() {
                    row.push(String::new());
                }
            }
            Event::Text(text) | Event::Code(text) => self.text(text),
            Event::InlineHtml(html) | Event::Html(html) => self.text(&without_tags(html)),
            Event::SoftBreak | Event::HardBreak => self.text(" "),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(cell) = self.rows.last_mut().and_then(|row| row.last_mut()) {
            cell.push_str(text);
        }
    }

    /// Returns the rows as lines, with a line below the first one.
    pub fn aligned(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column| {
            let lengths = self.rows.iter().filter_map(|row| row.get(column));
            lengths
                .map(|cell: &String| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut lines = Vec::new();
        for (i, row) in self.rows.iter().enumerate() {
            let cells = row
                .iter()
                .zip(&widths)
                .map(|(cell, &width)| format!("{cell:width$}"));
            lines.push(cells.collect::<Vec<_>>().join("  ").trim_end().to_owned());
            if i == 0 {
                let dashes = widths.iter().map(|&width| "-".repeat(width));
                lines.push(dashes.collect::<Vec<_>>().join("  "));
            }
        }
        lines.join("\n")
    }
}
