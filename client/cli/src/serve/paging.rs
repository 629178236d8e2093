//! Pages of lists, as the service's API has them. A cursor is a place in the list: what is added meanwhile moves entries on.

use super::refusal::Refusal;
use base64::{engine::general_purpose::URL_SAFE_NO_PAD, Engine};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which page is wanted.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// Where to go on, from an earlier answer.
    cursor: Option<String>,
    /// Entries of a page: 10, 20, 50 or 100.
    limit: Option<String>,
    /// `asc` for the oldest first, `desc` for the newest first, which is the default.
    sort_order: Option<String>,
}

/// How to go on.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Pagination {
    /// For the next page; `null` on the last.
    cursor_next: Option<String>,
    /// For the page before; `null` on the first.
    cursor_prev: Option<String>,
    /// Entries of all pages.
    total_items: usize,
}

const DEFAULT_LIMIT: usize = 10;

impl Page {
    /// This page of `all`, which is sorted with the oldest first, and how to go on.
    pub(super) fn of<T>(&self, mut all: Vec<T>) -> Result<(Vec<T>, Pagination), Refusal> {
        match self.sort_order.as_deref() {
            None | Some("desc") => all.reverse(),
            Some("asc") => {}
            Some(other) => {
                return Err(Refusal::invalid(format!(
                    "sort_order: {other:?} is not valid; use asc or desc"
                )))
            }
        }
        let limit = match self.limit.as_deref() {
            None => DEFAULT_LIMIT,
            Some("10") => 10,
            Some("20") => 20,
            Some("50") => 50,
            Some("100") => 100,
            Some(other) => {
                return Err(Refusal::invalid(format!(
                    "limit: {other:?} is not valid; use 10, 20, 50 or 100"
                )))
            }
        };
        let total_items = all.len();
        let start = match &self.cursor {
            None => 0,
            Some(cursor) => read(cursor).ok_or_else(|| {
                Refusal::invalid("cursor: not valid; use one of an earlier answer")
            })?,
        }
        .min(total_items);
        let end = start.saturating_add(limit).min(total_items);
        let pagination = Pagination {
            cursor_next: (end < total_items).then(|| write(end)),
            cursor_prev: (start > 0).then(|| write(start.saturating_sub(limit))),
            total_items,
        };
        let page = all.into_iter().skip(start).take(limit).collect();
        Ok((page, pagination))
    }
}

fn write(position: usize) -> String {
    URL_SAFE_NO_PAD.encode(position.to_string())
}

fn read(cursor: &str) -> Option<usize> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    String::from_utf8(bytes).ok()?.parse().ok()
}

/// Whether a value is one of a list such as `RUNNING,STOPPED`; no list allows everything.
pub(super) fn is_among(list: Option<&str>, value: &str) -> bool {
    list.is_none_or(|list| list.split(',').any(|one| one.trim() == value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(cursor: Option<String>, order: Option<&str>) -> Page {
        Page {
            cursor,
            limit: None,
            sort_order: order.map(str::to_owned),
        }
    }

    #[test]
    fn pages_follow_each_other_in_both_directions() {
        let all = || (0..25).collect::<Vec<u32>>();
        let (first, links) = page(None, None).of(all()).unwrap();
        assert_eq!((first[0], first.len(), links.total_items), (24, 10, 25));
        assert_eq!(links.cursor_prev, None);
        let (second, links) = page(links.cursor_next, None).of(all()).unwrap();
        assert_eq!(second[0], 14);
        let (third, end) = page(links.cursor_next, None).of(all()).unwrap();
        assert_eq!((third, end.cursor_next), (vec![4, 3, 2, 1, 0], None));
        let (back, _) = page(end.cursor_prev, None).of(all()).unwrap();
        assert_eq!(back, second);
        let (oldest, _) = page(None, Some("asc")).of(all()).unwrap();
        assert_eq!(oldest[0], 0);
    }

    #[test]
    fn what_is_not_valid_is_said() {
        let none = || Vec::<u32>::new();
        assert!(page(Some("?".into()), None).of(none()).is_err());
        assert!(page(None, Some("up")).of(none()).is_err());
        let wrong = Page {
            limit: Some("7".into()),
            ..Page::default()
        };
        assert!(wrong.of(none()).unwrap_err().why.contains("10, 20"));
        let (empty, links) = page(Some(write(99)), None).of(none()).unwrap();
        assert_eq!((empty.len(), links.cursor_next), (0, None));
    }

    #[test]
    fn a_list_allows_its_own() {
        assert!(is_among(None, "A") && is_among(Some("B, A"), "A"));
        assert!(!is_among(Some("AB"), "A"));
    }
}
