//! Names in the text of a summary. Which parts of it are names is known from the same summary as JSON:
//! whatever stands there as a text came from somewhere, line breaks and all, while those of the summary
//! itself stand nowhere there.

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, MatchKind};
use facesets_core::{
    shown,
    shown::{is_all_plain, is_plain},
};
use serde_json::Value;

/// The text of a summary in which every name is [`shown`] that is among the texts of `json`, the same summary
/// as scripts get it; names that need it are few, so this is one pass over the text. Line breaks are then
/// only the summary's own.
pub(super) fn with_names_shown(text: &str, json: &Value) -> String {
    let mut names = BTreeSet::new();
    collect(json, &mut names);
    let names: Vec<&str> = names.into_iter().collect();
    let mut escaped = String::with_capacity(text.len());
    let finder = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&names);
    match finder.ok().filter(|_| !names.is_empty()) {
        Some(finder) => finder.replace_all_with(text, &mut escaped, |_, name, escaped| {
            escaped.push_str(&shown(name).to_string());
            true
        }),
        None => escaped.push_str(text),
    }
    if is_all_plain(&escaped.replace('\n', "")) {
        return escaped;
    }
    escaped
        .chars()
        .map(|c| if c == '\n' || is_plain(c) { c.to_string() } else { shown(&c.to_string()).to_string() })
        .collect()
}

/// The texts of a value, keys of objects too, that are more than one line; of paths their last parts too,
/// which may be told alone.
fn collect<'a>(value: &'a Value, names: &mut BTreeSet<&'a str>) {
    match value {
        Value::String(text) => add(text, names),
        Value::Array(values) => values.iter().for_each(|value| collect(value, names)),
        Value::Object(values) => values.iter().for_each(|(key, value)| {
            add(key, names);
            collect(value, names);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn add<'a>(text: &'a str, names: &mut BTreeSet<&'a str>) {
    let last = text.rsplit('/').next().unwrap_or(text);
    // A text of white space alone is everywhere, and a last part that begins with a line break is where the
    // summary's own lines end.
    let parts = [Some(text), Some(last).filter(|last| !last.starts_with('\n'))].into_iter().flatten();
    names.extend(parts.filter(|name| name.contains('\n') && !name.trim().is_empty()));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_makes_no_line_of_its_own_wherever_it_stands() {
        let path = "/photos/a.jpg\n0 findings\n";
        let text = format!("2 sets\n{path}: gone\na.jpg\n0 findings\n: twice\n");
        let json = json!({ "sets": 2, "findings": [{ "what": path }], path: [] });
        assert_eq!(
            with_names_shown(&text, &json),
            "2 sets\n/photos/a.jpg\\n0 findings\\n: gone\na.jpg\\n0 findings\\n: twice\n"
        );
        assert_eq!(with_names_shown("a\u{1b}[31mb\tö\n", &json!(null)), "a\\u{1b}[31mb\\tö\n");
    }

    proptest! {
        #[test]
        fn a_summary_has_as_many_lines_whatever_is_in_its_names(
            names in prop::collection::vec("[a-z/][a-z/\n\r\u{202e} ]{0,9}[a-z][a-z\n/]{0,9}", 0..9),
        ) {
            let text = names.iter().fold(String::new(), |text, name| text + name + ": 1\n");
            let shown = with_names_shown(&text, &json!({ "names": names }));
            prop_assert_eq!(shown.lines().count(), names.len(), "{:?}", shown);
            prop_assert!(shown.lines().all(|line| line.ends_with(": 1") && is_all_plain(line)));
        }
    }
}
