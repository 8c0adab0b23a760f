//! Lines.

/// How wide lines are, as ocamlformat has it.
pub const WIDTH: usize = 80;

/// Joins words with blanks, or returns `None` if the line would be too wide.
pub fn one_line(words: &[&str], width: usize) -> Option<String> {
    let line = words.join(" ");
    (!line.contains('\n') && line.chars().count() <= width).then_some(line)
}

/// Joins items with blank lines, except between items of the same kind that are one line each.
pub fn join(items: &[String]) -> String {
    let keyword = |item: &str| item.split(' ').next().map(str::to_owned);
    let mut text = String::new();
    let mut last: Option<&String> = None;
    for item in items {
        if let Some(last) = last {
            let compact =
                !last.contains('\n') && !item.contains('\n') && keyword(last) == keyword(item);
            text.push_str(if compact { "\n" } else { "\n\n" });
        }
        text.push_str(item);
        last = Some(item);
    }
    text
}

/// Indents the lines that are not empty.
pub fn indent(text: &str, indentation: usize) -> String {
    let blanks = " ".repeat(indentation);
    let line = |line: &str| match line.is_empty() {
        true => String::new(),
        false => format!("{blanks}{line}"),
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Writes each part on a line of its own, below `head`. Arrows end lines, and stars begin them.
pub fn break_before(head: &str, parts: &[String], separator: &str) -> String {
    let lines = match separator {
        "->" => parts.join(" ->\n"),
        _ => parts.join(&format!("\n{separator} ")),
    };
    format!("{head}\n{}", indent(&lines, 2))
}

/// Returns `let () = call argument`, in as many lines as it needs.
pub fn application(call: &str, argument: &str) -> String {
    let head = "let () =";
    match one_line(&[head, call, argument], WIDTH) {
        Some(line) => line,
        None => match one_line(&[call, argument], WIDTH - 2) {
            Some(line) => format!("{head}\n  {line}"),
            None => format!("{head}\n  {call}\n    {argument}"),
        },
    }
}
