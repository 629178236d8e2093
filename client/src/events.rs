//! What the program tells: one event for each call, in an instruction that it calls on itself.

pub use deployments::events::*;

use crate::PROGRAM_ID;
use anchor_lang::{event::EVENT_IX_TAG_LE, AnchorDeserialize, Discriminator};
use solana_program::pubkey::Pubkey;

/// Signs for the program when it tells an event.
pub const EVENT_AUTHORITY: Pubkey = deployments::EVENT_AUTHORITY_AND_BUMP.0;

/// Declares [`Event`] with a variant for each of the program's events, and its decoder.
macro_rules! events {
    ($($name:ident: $what:literal,)+) => {
        /// An event of the program's.
        #[non_exhaustive]
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Event {
            $(#[doc = $what] $name($name),)+
            /// One that a newer program tells.
            Unknown,
        }

        /// The event of an instruction that a transaction's instructions called, if it tells one. One
        /// that the transaction itself holds tells nothing: the program refuses it.
        pub fn event(program: &Pubkey, data: &[u8]) -> Option<Event> {
            let told = data.strip_prefix(EVENT_IX_TAG_LE).filter(|_| *program == PROGRAM_ID)?;
            $(if let Some(mut fields) = told.strip_prefix($name::DISCRIMINATOR) {
                // Further fields are a newer program's.
                let read = $name::deserialize(&mut fields);
                return Some(read.map_or(Event::Unknown, Event::$name));
            })+
            Some(Event::Unknown)
        }
    };
}

events! {
    DeploymentCreated: "A deployment was created.",
    DeploymentChanged: "A call changed a deployment.",
    DeploymentClosed: "A deployment's account was closed.",
    RevisionClosed: "A revision's account was closed.",
    VaultFunded: "A vault received funds.",
    VaultWithdrawn: "An owner withdrew from a vault.",
    JobsCleaned: "Finished jobs were closed.",
    JobReclaimed: "The deposit of a job without a slot came back.",
    RentReclaimed: "Rent above today's minimum went to its owner.",
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names and discriminators of the IDL's events.
    fn idl() -> Vec<(String, Vec<u8>)> {
        let idl = include_str!("../../idl/deployments.json");
        let idl: serde_json::Value = serde_json::from_str(idl).unwrap();
        let events = idl["events"].as_array().unwrap().iter();
        events
            .map(|event| {
                let bytes = event["discriminator"].as_array().unwrap().iter();
                let bytes = bytes.map(|byte| u8::try_from(byte.as_u64().unwrap()).unwrap());
                (event["name"].as_str().unwrap().into(), bytes.collect())
            })
            .collect()
    }

    #[test]
    fn every_event_of_the_idl_is_decoded_and_described() {
        let page = include_str!("../../docs/instructions.md");
        assert_eq!(idl().len(), 9);
        for (name, discriminator) in idl() {
            // Enough zeros for each event's fields, whose lists are then empty.
            let data = [EVENT_IX_TAG_LE, &discriminator, &[0; 300]].concat();
            let found = event(&PROGRAM_ID, &data);
            assert!(
                format!("{found:?}").starts_with(&format!("Some({name}(")),
                "{name}: {found:?}"
            );
            assert!(page.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn what_is_no_event_of_ours_is_none_and_a_newer_one_unknown() {
        let newer = [EVENT_IX_TAG_LE, &[9; 8]].concat();
        assert_eq!(event(&PROGRAM_ID, &newer), Some(Event::Unknown));
        assert_eq!(event(&Pubkey::new_unique(), &newer), None);
        assert_eq!(event(&PROGRAM_ID, &[9; 24]), None);
        let cut = [EVENT_IX_TAG_LE, DeploymentClosed::DISCRIMINATOR, &[0; 31]].concat();
        assert_eq!(event(&PROGRAM_ID, &cut), Some(Event::Unknown));
    }
}
