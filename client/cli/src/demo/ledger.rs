//! Double-entry books of the demo: what every account holds, what each step moved, and whether
//! anything appeared or vanished.

use solana_program::pubkey::Pubkey;

/// A line of the books: one account, or several of a kind.
pub(crate) struct Row {
    /// What people call it.
    pub(crate) name: &'static str,
    /// Its accounts.
    pub(crate) keys: Vec<Pubkey>,
}

/// What a row holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Balance {
    /// NOS base units.
    pub(crate) nos: u64,
    /// Lamports, rent included.
    pub(crate) lamports: u64,
}

/// What a step moved into a row (positive) or out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// The row's name.
    pub(crate) name: &'static str,
    /// NOS base units.
    pub(crate) nos: i128,
    /// Lamports.
    pub(crate) lamports: i128,
}

/// The books.
pub(crate) struct Ledger {
    rows: Vec<Row>,
    opening: Vec<Balance>,
    current: Vec<Balance>,
    fees_lamports: u64,
}

impl Ledger {
    /// Opens the books; `opening` holds a balance for each row.
    pub(crate) fn open(rows: Vec<Row>, opening: Vec<Balance>) -> Self {
        Self {
            rows,
            current: opening.clone(),
            opening,
            fees_lamports: 0,
        }
    }

    /// The rows, to read their balances.
    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Adds an account that is about to exist to the row called `name`.
    pub(crate) fn track(&mut self, name: &str, key: Pubkey) {
        for row in self.rows.iter_mut().filter(|row| row.name == name) {
            if !row.keys.contains(&key) {
                row.keys.push(key);
            }
        }
    }

    /// Enters a transaction: the balances after it, and its fee.
    pub(crate) fn post(&mut self, after: Vec<Balance>, fee_lamports: u64) -> Vec<Change> {
        let before = std::mem::replace(&mut self.current, after);
        self.fees_lamports += fee_lamports;
        let moved = self.changes(&before);
        moved
            .into_iter()
            .filter(|change| change.nos != 0 || change.lamports != 0)
            .collect()
    }

    /// Every row with what it held at first, holds now, and the difference.
    pub(crate) fn lines(&self) -> Vec<(Balance, Balance, Change)> {
        let changes = self.changes(&self.opening);
        let balances = self
            .opening
            .iter()
            .copied()
            .zip(self.current.iter().copied());
        balances
            .zip(changes)
            .map(|((first, now), change)| (first, now, change))
            .collect()
    }

    /// Network fees of all transactions, lamports.
    pub(crate) fn fees_lamports(&self) -> u64 {
        self.fees_lamports
    }

    /// NOS base units and lamports that appeared (positive) or vanished: zero if the books balance.
    pub(crate) fn imbalance(&self) -> (i128, i128) {
        let sum = |of: fn(&Change) -> i128| {
            self.changes(&self.opening)
                .iter()
                .map(of)
                .fold(0_i128, i128::saturating_add)
        };
        let fees = i128::from(self.fees_lamports);
        (
            sum(|change| change.nos),
            sum(|change| change.lamports).saturating_add(fees),
        )
    }

    fn changes(&self, since: &[Balance]) -> Vec<Change> {
        let difference = |now: u64, then: u64| i128::from(now) - i128::from(then);
        self.rows
            .iter()
            .zip(since.iter().zip(&self.current))
            .map(|(row, (then, now))| Change {
                name: row.name,
                nos: difference(now.nos, then.nos),
                lamports: difference(now.lamports, then.lamports),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn books() -> Ledger {
        let row = |name| Row {
            name,
            keys: vec![Pubkey::new_unique()],
        };
        let opening = vec![
            Balance {
                nos: 100,
                lamports: 50,
            },
            Balance::default(),
        ];
        Ledger::open(vec![row("owner"), row("vault")], opening)
    }

    #[test]
    fn what_moves_between_rows_and_fees_balances() {
        let mut books = books();
        let after = vec![
            Balance {
                nos: 60,
                lamports: 35,
            },
            Balance {
                nos: 40,
                lamports: 10,
            },
        ];
        let moved = books.post(after, 5);
        let change = |name, nos, lamports| Change {
            name,
            nos,
            lamports,
        };
        assert_eq!(moved, [change("owner", -40, -15), change("vault", 40, 10)]);
        assert_eq!((books.imbalance(), books.fees_lamports()), ((0, 0), 5));
    }

    #[test]
    fn a_step_tells_only_of_rows_that_it_moved() {
        let mut books = books();
        let after = vec![
            Balance {
                nos: 100,
                lamports: 45,
            },
            Balance::default(),
        ];
        assert_eq!(books.post(after, 5).len(), 1);
    }

    #[test]
    fn what_appears_or_vanishes_is_noticed_to_the_unit() {
        let mut books = books();
        books.post(
            vec![
                Balance {
                    nos: 99,
                    lamports: 50,
                },
                Balance::default(),
            ],
            0,
        );
        assert_eq!(books.imbalance(), (-1, 0));
        books.post(
            vec![
                Balance {
                    nos: 100,
                    lamports: 51,
                },
                Balance::default(),
            ],
            0,
        );
        assert_eq!(books.imbalance(), (0, 1));
        books.post(
            vec![
                Balance {
                    nos: 100,
                    lamports: 50,
                },
                Balance::default(),
            ],
            5,
        );
        assert_eq!(books.imbalance(), (0, 5), "a fee that nobody paid");
    }

    #[test]
    fn an_account_is_tracked_once() {
        let (mut books, key) = (books(), Pubkey::new_unique());
        books.track("vault", key);
        books.track("vault", key);
        assert_eq!(books.rows().last().map(|row| row.keys.len()), Some(2));
    }
}
