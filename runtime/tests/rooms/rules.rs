//! The rules, and what is said to whoever breaks one.

use crate::source::{File, Import, Module};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;

pub struct Rules {
    pub floors: &'static [&'static [&'static str]],
    pub unsafe_rooms: &'static [&'static str],
    pub upward_tests: &'static [(&'static str, &'static str)],
}

impl Rules {
    /// Counts from the top.
    fn floor(&self, room: &str) -> Option<usize> {
        self.floors.iter().position(|rooms| rooms.contains(&room))
    }

    /// Whether `from` may import from `to`.
    fn allow(&self, from: &str, to: &str) -> bool {
        from == to || self.floor(from) < self.floor(to)
    }

    /// The floors in one line, `a > b, c > d`.
    fn order(&self) -> String {
        let floors: Vec<String> = self.floors.iter().map(|rooms| rooms.join(", ")).collect();
        floors.join(" > ")
    }
}

fn room(module: &Module) -> &str {
    module.first().map_or("lib", String::as_str)
}

/// Returns a message for each place that breaks a rule.
pub fn check(rules: &Rules, files: &[File]) -> Vec<String> {
    let mut faults = unknown_rooms(rules, files);
    if faults.is_empty() {
        faults.extend(upward_imports(rules, files));
        faults.extend(circles(files).iter().map(|circle| {
            let mut fault = format!(
                "The files of the room `{}` import each other in a circle:",
                room(&files[circle[0].0].module)
            );
            for (file, import) in circle {
                let name = &files[*file].name;
                write!(
                    fault,
                    "\n  runtime/src/{name}:{}: {}",
                    import.line, import.path
                )
                .unwrap();
            }
            fault + "\nMove what two of them need into a file that imports neither."
        }));
        faults.extend(misplaced_unsafe(rules, files));
    }
    faults
}

fn unknown_rooms(rules: &Rules, files: &[File]) -> Vec<String> {
    let rooms: BTreeSet<&str> = files.iter().map(|file| room(&file.module)).collect();
    rooms
        .iter()
        .filter(|room| rules.floor(room).is_none())
        .map(|room| {
            format!("The room `{room}` is on no floor: add it to FLOORS in runtime/tests/rooms/main.rs, and to HACKING.md.")
        })
        .collect()
}

fn upward_imports(rules: &Rules, files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut excused = BTreeSet::new();
    for file in files {
        for import in &file.imports {
            let (from, to) = (room(&file.module), room(&import.target));
            if rules.allow(from, to) {
                continue;
            }
            let excuse = (file.name.as_str(), to);
            if import.in_test && rules.upward_tests.contains(&excuse) {
                excused.insert(excuse);
                continue;
            }
            faults.push(format!(
                "runtime/src/{}:{}: {}\n\
                 is an import from the room `{from}` into `{to}`, which is not on a floor below it: {}.\n\
                 Move the code up to where `{to}` may be imported, or have `{from}` take what it needs as an \
                 argument or through a trait of its own.",
                file.name,
                import.line,
                import.path,
                rules.order()
            ));
        }
    }
    for (file, to) in rules.upward_tests {
        if !excused.contains(&(*file, *to)) {
            faults.push(format!(
                "The tests of runtime/src/{file} do not import `{to}`: take them off UPWARD_TESTS in \
                 runtime/tests/rooms/main.rs."
            ));
        }
    }
    faults
}

fn misplaced_unsafe(rules: &Rules, files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut used = BTreeSet::new();
    for file in files {
        let room = room(&file.module);
        for code in &file.unsafe_code {
            used.insert(room);
            if !rules.unsafe_rooms.contains(&room) {
                faults.push(format!(
                    "runtime/src/{}:{}: unsafe {}\n\
                     `unsafe` is only in the rooms {}, and this is `{room}`.\n\
                     Call a safe function of theirs, such as those of `ffi` that take a token, or add one there.",
                    file.name,
                    code.line,
                    code.kind,
                    rules.unsafe_rooms.join(", ")
                ));
            }
        }
    }
    for room in rules.unsafe_rooms {
        if !used.contains(room) {
            faults.push(format!(
                "The room `{room}` has no `unsafe`: take it off UNSAFE_ROOMS in runtime/tests/rooms/main.rs."
            ));
        }
    }
    faults
}

/// The circles of files within a room: for each, the imports that it is made of, with the files
/// that they are in. A file is in one circle at most.
fn circles(files: &[File]) -> Vec<Vec<(usize, &Import)>> {
    let index: BTreeMap<&Module, usize> = files
        .iter()
        .enumerate()
        .map(|(i, f)| (&f.module, i))
        .collect();
    let mut seen = BTreeSet::new();
    let mut circles = Vec::new();
    for start in 0..files.len() {
        if seen.contains(&start) {
            continue;
        }
        if let Some(circle) = way_back(files, &index, start) {
            seen.extend(circle.iter().map(|(file, _)| *file));
            circles.push(circle);
        }
    }
    circles
}

/// The shortest way from a file back to itself.
fn way_back<'a>(
    files: &'a [File],
    index: &BTreeMap<&Module, usize>,
    start: usize,
) -> Option<Vec<(usize, &'a Import)>> {
    let mut reached_by: BTreeMap<usize, (usize, &Import)> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(file) = queue.pop_front() {
        for import in files[file].imports.iter().filter(|import| !import.in_test) {
            let next = index[&import.target];
            if room(&files[next].module) != room(&files[start].module)
                || reached_by.contains_key(&next)
            {
                continue;
            }
            reached_by.insert(next, (file, import));
            queue.push_back(next);
        }
    }
    let mut circle = vec![*reached_by.get(&start)?];
    while circle[0].0 != start {
        circle.insert(0, reached_by[&circle[0].0]);
    }
    Some(circle)
}

/// The structure in figures.
pub fn numbers(rules: &Rules, files: &[File]) -> String {
    let rooms: BTreeSet<&str> = files.iter().map(|file| room(&file.module)).collect();
    let arrows: BTreeSet<(&str, &str)> = files
        .iter()
        .flat_map(|file| file.imports.iter().map(move |import| (file, import)))
        .filter(|(_, import)| !import.in_test)
        .map(|(file, import)| (room(&file.module), room(&import.target)))
        .filter(|(from, to)| from != to)
        .collect();
    let upwards = arrows
        .iter()
        .filter(|(from, to)| !rules.allow(from, to))
        .count();
    let mut text = format!(
        "files: {}\nrooms: {}\nfloors: {}\narrows between rooms: {}\narrows upwards: {upwards}\n\
         circles of files: {}\nunsafe blocks by room (and other uses of the keyword):",
        files.len(),
        rooms.len(),
        rules.floors.len(),
        arrows.len(),
        circles(files).len()
    );
    for name in rules.floors.iter().flat_map(|rooms| rooms.iter()) {
        let code = || {
            let of_room = files.iter().filter(|file| room(&file.module) == *name);
            of_room.flat_map(|file| &file.unsafe_code)
        };
        let blocks = code().filter(|code| code.kind == "block").count();
        if code().count() > 0 {
            write!(text, "\n  {name}: {blocks} ({})", code().count() - blocks).unwrap();
        }
    }
    text
}
