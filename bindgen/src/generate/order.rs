//! The order of definitions: a type after those that it mentions, and otherwise as in the Rust sources.

use super::mentions;
use crate::model::{Body, Definition, Id, Place, krate};
use std::collections::BTreeMap;

/// Where an item is in the Rust sources.
pub fn position(module: &str, place: &Place) -> (String, String, u32) {
    (krate(module).to_owned(), place.file.clone(), place.line)
}

/// Returns definitions that mention each other together, and these groups in the order of OCaml code.
pub fn groups(mut definitions: Vec<&Definition>) -> Vec<Vec<&Definition>> {
    definitions.sort_by_cached_key(|d| (position(&d.id.module, &d.place), &d.id));
    let indices: BTreeMap<&Id, usize> = definitions
        .iter()
        .enumerate()
        .map(|(i, definition)| (&definition.id, i))
        .collect();
    let dependencies = definitions.iter().map(|definition| {
        let mut dependencies = Vec::new();
        mentions::in_body(&definition.body, &mut |id| {
            dependencies.extend(indices.get(id).copied());
        });
        dependencies.sort_unstable();
        dependencies
    });
    let mut search = Search {
        dependencies: dependencies.collect(),
        states: vec![State::New; definitions.len()],
        visited: 0,
        open: Vec::new(),
        groups: Vec::new(),
    };
    for i in 0..definitions.len() {
        if search.states[i] == State::New {
            search.visit(i);
        }
    }
    let group = |group: Vec<usize>| group.into_iter().map(|i| definitions[i]).collect();
    search.groups.into_iter().map(group).collect()
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    /// Its group is not complete. The number counts visits.
    Open(usize),
    Done,
}

/// Tarjan's search for strongly connected components, which finds those that others depend on first.
struct Search {
    dependencies: Vec<Vec<usize>>,
    states: Vec<State>,
    visited: usize,
    open: Vec<usize>,
    groups: Vec<Vec<usize>>,
}

impl Search {
    /// Visits a definition, and returns the first visit that can be reached from it among those that are open.
    fn visit(&mut self, i: usize) -> usize {
        let own = self.visited;
        self.visited += 1;
        self.states[i] = State::Open(own);
        self.open.push(i);
        let mut first = own;
        for dependency in self.dependencies[i].clone() {
            match self.states[dependency] {
                State::New => first = first.min(self.visit(dependency)),
                State::Open(visit) => first = first.min(visit),
                State::Done => {}
            }
        }
        if first == own {
            let begin = self.open.iter().rposition(|&open| open == i);
            let mut group = self.open.split_off(begin.expect("it is open"));
            group.sort_unstable();
            for &done in &group {
                self.states[done] = State::Done;
            }
            self.groups.push(group);
        }
        first
    }
}

/// Returns an alias that stands for itself, which OCaml does not allow.
pub fn cyclic_alias<'a>(group: &[&'a Definition]) -> Option<&'a Definition> {
    let aliases: Vec<_> = group
        .iter()
        .copied()
        .filter(|definition| matches!(definition.body, Body::Alias(_)))
        .collect();
    // Only aliases lead from one to the next.
    let cyclic = |start: &&&'a Definition| {
        let mut reached: Vec<&Id> = vec![&start.id];
        let mut next = 0;
        while next < reached.len() {
            let current = aliases.iter().find(|alias| alias.id == *reached[next]);
            let mut again = false;
            if let Some(alias) = current {
                mentions::in_body(&alias.body, &mut |id| {
                    again |= *id == start.id;
                    if !reached.contains(&id) {
                        reached.push(id);
                    }
                });
            }
            if again {
                return true;
            }
            next += 1;
        }
        false
    };
    aliases.iter().find(cyclic).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Type;

    fn id(name: &str) -> Id {
        Id {
            module: "krate".into(),
            name: name.into(),
        }
    }

    fn alias(name: &str, line: u32, mentioned: &[&str]) -> Definition {
        let mentioned = mentioned.iter().map(|name| Type::Named(id(name)));
        Definition {
            id: id(name),
            name: name.into(),
            doc: String::new(),
            place: Place {
                file: "lib.rs".into(),
                line,
            },
            hash: 0,
            body: Body::Alias(Type::Tuple(mentioned.collect())),
        }
    }

    fn ordered(definitions: &[Definition]) -> Vec<Vec<&str>> {
        groups(definitions.iter().collect())
            .into_iter()
            .map(|group| group.into_iter().map(|d| &*d.id.name).collect())
            .collect()
    }

    #[test]
    fn definitions_keep_the_order_of_the_sources_unless_they_depend_on_later_ones() {
        let definitions = [
            alias("d", 4, &[]),
            alias("c", 3, &["d"]),
            alias("a", 1, &[]),
            alias("b", 2, &["d", "a"]),
        ];
        assert_eq!(ordered(&definitions), [["a"], ["d"], ["b"], ["c"]]);
    }

    #[test]
    fn definitions_that_mention_each_other_are_one_group() {
        let definitions = [
            alias("a", 1, &["b", "e"]),
            alias("b", 2, &["c"]),
            alias("c", 3, &["a", "elsewhere"]),
            alias("d", 4, &["b", "d"]),
            alias("e", 5, &[]),
        ];
        let expected: [&[&str]; 3] = [&["e"], &["a", "b", "c"], &["d"]];
        assert_eq!(ordered(&definitions), expected);
    }

    #[test]
    fn an_alias_of_itself_is_found() {
        let cycle = [alias("a", 1, &["b"]), alias("b", 2, &["a"])];
        let group: Vec<_> = cycle.iter().collect();
        assert_eq!(cyclic_alias(&group).unwrap().id.name, "a");
        let mut broken = cycle;
        broken[1].body = Body::Record(Vec::new());
        assert!(cyclic_alias(&broken.iter().collect::<Vec<_>>()).is_none());
        let own = alias("d", 1, &["d"]);
        assert!(cyclic_alias(&[&own]).is_some());
    }
}
