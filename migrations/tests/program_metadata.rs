//! Our instructions for the Program Metadata program are those of its own client: program-metadata.mjs wrote
//! program-metadata.json.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use nosana_deployments_migrations::programs::metadata::{
    close, extend_buffer, packed, read, set_authority, write, Idl, Stored, HEADER,
};
use serde_json::{json, Value};
use solana_program::{hash::hash, instruction::Instruction, pubkey::Pubkey};

fn key(name: &str) -> Pubkey {
    Pubkey::new_from_array(hash(name.as_bytes()).to_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn plain(instruction: &Instruction) -> Value {
    let metas = instruction.accounts.iter();
    let metas =
        metas.map(|meta| json!([meta.pubkey.to_string(), meta.is_signer, meta.is_writable]));
    json!({ "data": hex(&instruction.data), "accounts": metas.collect::<Vec<_>>() })
}

fn fixture() -> Value {
    serde_json::from_str(include_str!("program-metadata.json")).unwrap()
}

#[test]
fn addresses_and_instructions_are_those_of_its_own_client() {
    let fixture = fixture();
    let [program, program_data, deployer, authority] =
        ["program", "program data", "deployer", "authority"].map(key);
    let idl = Idl {
        program: &program,
        program_data: &program_data,
    };
    let (buffer, seed) = idl.buffer(&deployer, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345");
    assert_eq!(fixture["idl"], idl.address().to_string());
    assert_eq!(fixture["buffer"], buffer.to_string());

    let made = [
        (
            "allocate_buffer",
            idl.allocate_buffer(&buffer, &deployer, &seed),
        ),
        (
            "extend_buffer",
            extend_buffer(&buffer, &deployer, 777).remove(0),
        ),
        ("write", write(&buffer, &deployer, 258, b"part")),
        (
            "set_authority",
            set_authority(&buffer, &deployer, &authority),
        ),
        ("allocate", idl.allocate(&authority)),
        ("extend", idl.extend(&authority, 777).remove(0)),
        ("fill", idl.fill(&authority, &buffer)),
        ("initialize", idl.initialize(&authority)),
        ("set_data", idl.set_data(&authority, &buffer)),
        ("trim", idl.trim(&authority, &deployer)),
        ("close", close(&buffer, &authority, &deployer)),
    ];
    for (name, instruction) in &made {
        assert_eq!(plain(instruction), fixture["instructions"][name], "{name}");
    }
    let theirs = fixture["instructions"].as_object().unwrap();
    assert_eq!(theirs.len(), made.len());
}

#[test]
fn accounts_are_read_as_its_own_client_writes_them() {
    let text = fixture()["account"].as_str().unwrap().to_owned();
    let bytes = (0..text.len()).step_by(2);
    let bytes = bytes.map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap());
    let account: Vec<u8> = bytes.collect();
    let Some(Stored::Metadata {
        is_mutable, data, ..
    }) = read(&account)
    else {
        panic!("{account:?}");
    };
    assert!(is_mutable);
    assert_eq!(data, b"data");

    let mut says = account[..HEADER].to_vec();
    let stored = packed(b"{}");
    says[87..91].copy_from_slice(&u32::try_from(stored.len()).unwrap().to_le_bytes());
    says.extend(stored);
    let stored = read(&says).unwrap();
    assert!(stored.says(b"{}") && !stored.says(b"[]"));
    // Cut off anywhere, it is nothing, and nothing panics.
    for end in 0..says.len() {
        assert!(read(&says[..end]).is_none_or(|stored| !stored.says(b"{}")));
    }
}

#[test]
fn more_room_than_an_instruction_may_give_takes_several() {
    let key = key("buffer");
    let lengths = |bytes| -> Vec<u16> {
        let all = extend_buffer(&key, &key, bytes).into_iter();
        all.map(|one| u16::from_le_bytes([one.data[1], one.data[2]]))
            .collect()
    };
    assert_eq!(lengths(0), [0; 0]);
    assert_eq!(lengths(10_240), [10_240]);
    assert_eq!(lengths(20_481), [10_240, 10_240, 1]);
}
