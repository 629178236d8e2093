//! Somebody else's text: names, fields of a file, what an RPC node answers.

/// The text without what would steer a terminal, turn its reading direction, or not be seen: each such
/// character becomes a question mark.
///
/// ```
/// use nosana_deploy_client::text::printable;
/// assert_eq!(printable("J\u{e4}ger 日本"), "J\u{e4}ger 日本");
/// assert_eq!(printable("\u{1b}[31mred\u{202e}\u{200b}"), "?[31mred??");
/// ```
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if is_hidden(c) { '?' } else { c })
        .collect()
}

/// The same in one line: runs of white space become a space.
pub fn printable_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    printable(&words.join(" "))
}

fn is_hidden(c: char) -> bool {
    c.is_control() // C0 and C1
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' // zero width, direction marks
            | '\u{2028}'..='\u{202e}' // line and paragraph separators, embeddings, overrides
            | '\u{2060}'..='\u{206f}' // joiners, isolates
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}') // tags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_or_hides_is_shown_as_a_question_mark() {
        for hidden in [
            '\0',
            '\n',
            '\u{1b}',
            '\u{7f}',
            '\u{9b}',
            '\u{ad}',
            '\u{61c}',
            '\u{200b}',
            '\u{200e}',
            '\u{2028}',
            '\u{2029}',
            '\u{202e}',
            '\u{2066}',
            '\u{2069}',
            '\u{feff}',
            '\u{e0041}',
        ] {
            assert_eq!(printable(&format!("a{hidden}b")), "a?b", "{hidden:?}");
        }
        let kept = "Jupyter ä 日本 👩 \u{a0}é";
        assert_eq!(printable(kept), kept);
        assert_eq!(printable_line(" out\nof\t\u{9b}order\r\n"), "out of ?order");
    }
}
