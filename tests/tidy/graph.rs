//! Which file of `src` takes something from which: read off the `use` lines and paths, through re-exports.
//!
//! Reads text, not syntax trees: enough for code that rustfmt has laid out. Test modules are left out.

use std::collections::{BTreeMap, BTreeSet};

use super::code;

/// Re-exports followed at most on the way to a definition.
const HOPS_MAX: usize = 8;

/// One file as a module.
struct Module {
    path: String,
    /// The modules it declares, those of tests apart.
    children: BTreeSet<String>,
    imports: Vec<Import>,
    /// Its code without comments, `use` lines and tests.
    body: String,
}

/// One name that a `use` brings in.
struct Import {
    /// From the crate's root, `crate` left out.
    target: Vec<String>,
    /// The name in this file.
    name: String,
    is_public: bool,
}

/// The files of a tree and who takes from whom.
pub struct Graph {
    /// By the module's path from the root.
    modules: BTreeMap<Vec<String>, Module>,
    /// File to file; what a `mod.rs` only passes on is no edge of its own.
    pub edges: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    /// Reads files, each a path below the repository's root and a text; those outside of `src` are passed over.
    pub fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut modules: BTreeMap<Vec<String>, Module> = files
            .into_iter()
            .filter_map(|(path, text)| Some((module_path(path)?, module(path, text))))
            .collect();
        drop_tests(&mut modules);
        let mut graph = Self {
            modules,
            edges: BTreeMap::new(),
        };
        graph.edges = graph
            .modules
            .iter()
            .map(|(path, module)| (module.path.clone(), graph.taken_by(path, module)))
            .collect();
        graph
    }

    /// The files that a module takes something from.
    fn taken_by(&self, path: &[String], module: &Module) -> BTreeSet<String> {
        let mut taken = BTreeSet::new();
        let mut take = |target: &[String]| {
            let found = self.definition(target, 0);
            taken.extend(found.filter(|found| *found != module.path));
        };
        for import in &module.imports {
            if import.is_public && !names(&module.body, &import.name) {
                continue;
            }
            if self.modules.contains_key(&import.target) {
                // A module by its name: what counts is what is taken from it.
                for rest in paths_from(&module.body, &import.name) {
                    take(&[&*import.target, &*rest].concat());
                }
            } else {
                take(&import.target);
            }
        }
        for child in &module.children {
            for rest in paths_from(&module.body, child) {
                take(&[path, std::slice::from_ref(child), &*rest].concat());
            }
        }
        for start in ["crate", "super", "self"] {
            for rest in paths_from(&module.body, start) {
                let written = [&[start.to_owned()], &*rest].concat();
                if let Some(target) = absolute(path, &written) {
                    take(&target);
                }
            }
        }
        taken
    }

    /// The file in which the thing at a path is defined.
    fn definition(&self, target: &[String], hops: usize) -> Option<String> {
        let known = (0..=target.len())
            .rev()
            .find(|length| self.modules.contains_key(&target[..*length]))?;
        let module = &self.modules[&target[..known]];
        let passed_on = target.get(known).and_then(|name| {
            let import = module.imports.iter().find(|import| import.name == *name)?;
            let rest = [&*import.target, &target[known + 1..]].concat();
            (hops < HOPS_MAX).then(|| self.definition(&rest, hops + 1))?
        });
        passed_on.or_else(|| Some(module.path.clone()))
    }

    /// Files that take from each other in a circle.
    pub fn circles(&self) -> Vec<Vec<String>> {
        let reached: BTreeMap<&String, BTreeSet<&String>> = self
            .edges
            .keys()
            .map(|file| (file, self.reached_from(file)))
            .collect();
        let mut circles: BTreeSet<Vec<String>> = BTreeSet::new();
        for (file, from_here) in &reached {
            let circle: Vec<String> = from_here
                .iter()
                .filter(|other| reached[**other].contains(file))
                .map(|other| (*other).clone())
                .collect();
            if !circle.is_empty() {
                circles.insert(circle);
            }
        }
        circles.into_iter().collect()
    }

    fn reached_from(&self, file: &String) -> BTreeSet<&String> {
        let mut reached = BTreeSet::new();
        let mut open: Vec<&String> = self.edges[file].iter().collect();
        while let Some(next) = open.pop() {
            if reached.insert(next) {
                open.extend(&self.edges[next]);
            }
        }
        reached
    }
}

/// The module that a file is; the library's root is the empty path.
fn module_path(path: &str) -> Option<Vec<String>> {
    let path = path.strip_prefix("src/")?.strip_suffix(".rs")?;
    let path = path.strip_suffix("/mod").unwrap_or(path);
    match path {
        "main" => None,
        "lib" => Some(Vec::new()),
        path => Some(path.split('/').map(str::to_owned).collect()),
    }
}

/// Takes out test modules and what stands below them.
fn drop_tests(modules: &mut BTreeMap<Vec<String>, Module>) {
    let declared = |path: &[String], modules: &BTreeMap<Vec<String>, Module>| {
        (1..=path.len()).all(|length| {
            let (name, parent) = path[..length].split_last().unwrap();
            modules
                .get(parent)
                .is_some_and(|parent| parent.children.contains(name))
        })
    };
    let tests: Vec<Vec<String>> = modules
        .keys()
        .filter(|path| !declared(path, modules))
        .cloned()
        .collect();
    for path in tests {
        modules.remove(&path);
    }
}

fn module(path: &str, text: &str) -> Module {
    let own = module_path(path).unwrap();
    let mut module = Module {
        path: path.to_owned(),
        children: BTreeSet::new(),
        imports: Vec::new(),
        body: String::new(),
    };
    let mut lines = text.lines().map(code);
    while let Some(line) = lines.next() {
        let trimmed = line.trim();
        if trimmed == "#[cfg(test)]" {
            let next = lines.next().unwrap_or_default();
            if next.starts_with("mod ") && next.ends_with('{') {
                break;
            }
            if next.trim_start().starts_with("use ") && !next.ends_with(';') {
                lines.find(|line| line.trim_end().ends_with(';'));
            }
            continue;
        }
        let (is_public, item) = match trimmed.strip_prefix("pub") {
            Some(rest) if rest.starts_with('(') => {
                (true, rest.split_once(") ").map_or("", |(_, item)| item))
            }
            Some(rest) => (true, rest.trim_start()),
            None => (false, trimmed),
        };
        if let Some(name) = item
            .strip_prefix("mod ")
            .and_then(|it| it.strip_suffix(';'))
        {
            module.children.insert(name.to_owned());
        } else if let Some(first) = item.strip_prefix("use ") {
            let mut tree = first.to_owned();
            while !tree.ends_with(';') {
                tree += lines.next().unwrap_or(";").trim();
            }
            for (written, name) in leaves(tree.trim_end_matches(';')) {
                let from_child = written
                    .first()
                    .is_some_and(|it| module.children.contains(it));
                let target = match from_child {
                    true => Some([&*own, &*written].concat()),
                    false => absolute(&own, &written),
                };
                module.imports.extend(target.map(|target| Import {
                    target,
                    name,
                    is_public,
                }));
            }
        } else {
            module.body += line;
            module.body.push('\n');
        }
    }
    module
}

/// A path of this crate from its root; `None` for another crate's.
fn absolute(own: &[String], written: &[String]) -> Option<Vec<String>> {
    let (first, rest) = written.split_first()?;
    match first.as_str() {
        "crate" => Some(rest.to_vec()),
        "self" => Some([own, rest].concat()),
        "super" => {
            let ups = written.iter().take_while(|it| *it == "super").count();
            let base = own.get(..own.len().checked_sub(ups)?)?;
            Some([base, &written[ups..]].concat())
        }
        _other_crate => None,
    }
}

/// The names that a `use` tree brings in, each with its path.
fn leaves(tree: &str) -> Vec<(Vec<String>, String)> {
    let tree = tree.trim();
    if tree.is_empty() {
        return Vec::new();
    }
    if let Some((before, list)) = tree.split_once('{') {
        let prefix: Vec<String> = before
            .split("::")
            .map(str::trim)
            .filter(|it| !it.is_empty())
            .map(str::to_owned)
            .collect();
        let list = list.strip_suffix('}').unwrap_or(list);
        return split_top(list)
            .into_iter()
            .flat_map(leaves)
            .map(|(path, name)| match path.first().map(String::as_str) {
                Some("self") => {
                    let own = prefix.last().cloned().unwrap_or_default();
                    let name = if name == "self" { own } else { name };
                    (prefix.clone(), name)
                }
                _below => ([&*prefix, &*path].concat(), name),
            })
            .collect();
    }
    let (path, alias) = tree.split_once(" as ").unwrap_or((tree, ""));
    let path: Vec<String> = path
        .split("::")
        .map(|part| part.trim().to_owned())
        .collect();
    let name = match alias {
        "" => path.last().cloned().unwrap_or_default(),
        alias => alias.to_owned(),
    };
    vec![(path, name)]
}

/// Splits `a, b::{c, d}` at the commas outside of braces.
fn split_top(list: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, character) in list.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&list[start..at]);
                start = at + 1;
            }
            _within => continue,
        }
    }
    parts.push(&list[start..]);
    parts
}

/// Whether code names something by itself, not as a member or an associated type of something else.
fn names(body: &str, name: &str) -> bool {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    body.match_indices(name).any(|(at, _)| {
        let before = &body[..at];
        let is_whole = !before.ends_with(is_word) && !body[at + name.len()..].starts_with(is_word);
        is_whole && !["::", ".", "type "].iter().any(|it| before.ends_with(it))
    })
}

/// What follows `name::` wherever a path in the code begins with it.
fn paths_from(body: &str, name: &str) -> Vec<Vec<String>> {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    let start = format!("{name}::");
    let mut found = Vec::new();
    for (at, _) in body.match_indices(&start) {
        // `pub(in crate::room)` says who may see something, and takes nothing.
        let before = &body[..at];
        if before.ends_with(|before: char| is_word(before) || before == ':')
            || before.ends_with("pub(in ")
        {
            continue;
        }
        let mut path = Vec::new();
        let mut rest = &body[at + start.len()..];
        loop {
            let end = rest.find(|it| !is_word(it)).unwrap_or(rest.len());
            if end == 0 {
                break;
            }
            path.push(rest[..end].to_owned());
            match rest[end..].strip_prefix("::") {
                Some(below) => rest = below,
                None => break,
            }
        }
        found.push(path);
    }
    found
}

/// A graph of small files, the library's root first.
pub fn graph_of(files: &[(&str, &str)]) -> Graph {
    let root = "pub mod a;\npub mod b;\npub mod c;";
    Graph::of(
        [("src/lib.rs", root)]
            .into_iter()
            .chain(files.iter().copied()),
    )
}

/// Small trees of files, and how many circles each has.
const CIRCLES: &[(&[(&str, &str)], usize)] = &[
    (
        &[
            ("src/a.rs", "use crate::b::B;"),
            ("src/b.rs", "use crate::a::A;"),
        ],
        1,
    ),
    (
        &[
            ("src/a.rs", "use crate::b::B;"),
            ("src/b.rs", "use crate::c::A;"),
            ("src/c.rs", ""),
        ],
        0,
    ),
    (
        &[
            ("src/a.rs", "fn a() { crate::b::b() }"),
            ("src/b.rs", "use crate::{c, a::A};"),
        ],
        1,
    ),
    (
        &[
            ("src/a.rs", "use crate::c;\nfn a() { c::B::new() }"),
            ("src/c.rs", "pub use crate::b::B;"),
            ("src/b.rs", "use crate::a::A;"),
        ],
        1,
    ),
    // A parent that only passes on what its child defines takes nothing from it.
    (
        &[
            ("src/a/mod.rs", "mod x;\npub use x::X;\npub struct A;"),
            ("src/a/x.rs", "use super::A;"),
        ],
        0,
    ),
    (
        &[
            (
                "src/a/mod.rs",
                "mod x;\npub use x::X;\nfn a() { x::make() }\npub struct A;",
            ),
            ("src/a/x.rs", "use super::A;"),
        ],
        1,
    ),
    (
        &[
            (
                "src/a/mod.rs",
                "mod x;\nmod y;\npub use x::X;\npub use y::Y;",
            ),
            ("src/a/x.rs", "use super::Y;"),
            ("src/a/y.rs", "use super::{Y as _, X};"),
        ],
        1,
    ),
    (
        &[
            (
                "src/a.rs",
                "// use crate::b::B;\n#[cfg(test)]\nmod tests {\n    use crate::b::B;\n}",
            ),
            ("src/b.rs", "use crate::a::A;"),
        ],
        0,
    ),
    (
        &[
            ("src/a/mod.rs", "#[cfg(test)]\nmod tests;\nuse crate::b::B;"),
            ("src/a/tests.rs", ""),
            ("src/b.rs", "use crate::c::C;"),
            ("src/c.rs", ""),
        ],
        0,
    ),
];

#[test]
fn a_circle_of_files_is_found_through_re_exports() {
    for (files, found) in CIRCLES {
        assert_eq!(graph_of(files).circles().len(), *found, "{files:?}");
    }
}
