use super::*;
use std::{string::String, vec::Vec};

/// The whole machine, written out by hand: a row a status, a column an event of [`Event::ALL`].
/// `.` refused, `j` refused for active jobs, `a` refused because archived, `x` closed,
/// otherwise the first letter of the next status (I = INSUFFICIENT_FUNDS, G = STARTING,
/// P = STOPPING, S = STOPPED).
const TABLE: [(Status, &str); 8] = [
    // start stop- stop+ hasten update move- move+ trigger restart ext arch- arch+ close
    // list pay fail satisfied resumed drain
    (Status::Draft, "G . . . D D j . . . A j x . . . . . ."),
    (Status::Starting, ". S P . G . . G G G . . . R I E R . S"),
    (Status::Running, ". S P . R . . R R R . . . R I E . . S"),
    (Status::Stopping, ". . . P P . . . . . . . . . . . . . S"),
    (Status::Stopped, "G . . . S S j . . G A j . . . . . . ."),
    (Status::Archived, "a a a a a a a a a a a a x a a a a a a"),
    (Status::Error, "G S P . E E j . . . A j . . . . . R S"),
    (
        Status::InsufficientFunds,
        "G S P . I I j I I I A j . R . E R R S",
    ),
];

fn letter(outcome: Result<Next, Refused>) -> char {
    match outcome {
        Err(Refused::JobsActive) => 'j',
        Err(Refused::Archived) => 'a',
        Err(_) => '.',
        Ok(Next::Closed) => 'x',
        Ok(Next::Status(Status::Starting)) => 'G',
        Ok(Next::Status(Status::Stopping)) => 'P',
        Ok(Next::Status(status)) => status.name().chars().next().unwrap_or('?'),
    }
}

#[test]
fn every_status_meets_every_event_as_the_table_says() {
    for (status, row) in TABLE {
        let expected: String = row.split(' ').collect();
        let actual: String = Event::ALL
            .iter()
            .map(|event| letter(transition(status, *event)))
            .collect();
        assert_eq!(actual, expected, "{status}");
    }
}

#[test]
fn no_status_is_a_trap() {
    // From every status some sequence of events leads to ARCHIVED.
    let mut reaching = std::vec![Status::Archived];
    loop {
        let more: Vec<Status> = Status::ALL
            .into_iter()
            .filter(|from| !reaching.contains(from))
            .filter(|from| {
                Event::ALL.iter().any(|event| {
                    matches!(transition(*from, *event), Ok(Next::Status(to)) if reaching.contains(&to))
                })
            })
            .collect();
        if more.is_empty() {
            break;
        }
        reaching.extend(more);
    }
    assert_eq!(reaching.len(), Status::ALL.len());
}

#[test]
fn an_event_is_the_owner_s_if_its_description_says_so() {
    for event in Event::ALL {
        let said = event.description().starts_with("owner: ");
        assert_eq!(event.is_owners(), said, "{event:?}");
    }
}

#[test]
fn bytes_and_names_are_pinned() {
    let names = [
        "DRAFT",
        "STARTING",
        "RUNNING",
        "STOPPING",
        "STOPPED",
        "ARCHIVED",
        "ERROR",
        "INSUFFICIENT_FUNDS",
    ];
    for (byte, name) in (0u8..).zip(names) {
        let status = Status::from_byte(byte).map(|s| (s as u8, s.name()));
        assert_eq!(status, Some((byte, name)));
    }
    assert_eq!(Status::from_byte(8), None);
    let reasons = [
        "NONE",
        "PRICE_ABOVE_CAP",
        "MARKET_UNUSABLE",
        "RAPID_COMPLETION",
    ];
    for (byte, name) in (0u8..).zip(reasons) {
        let reason = Reason::from_byte(byte).map(|r| (r as u8, r.name()));
        assert_eq!(reason, Some((byte, name)));
    }
    assert_eq!(Reason::from_byte(4), None);
}
