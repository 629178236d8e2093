//! Moves stack-passed call arguments across the gap that sBPF v0 leaves between stack frames.
//!
//! A function with more than five arguments gets the rest on the stack: the caller stores them just
//! above its own frame (`[r10 + offset]`, offset > 0) and the callee reads them at the bottom of its
//! frame. sbpf-linker assumes that frames touch, but sBPF v0 puts a 4096-byte gap above each
//! 4096-byte frame, so such a store must reach 4096 bytes further. No other store has a positive
//! offset from r10. Unfixed, the program fails with "Access violation in stack frame N".

use anyhow::{bail, ensure, Context, Result};
use std::{mem, ops::Range};

const GAP: i16 = 4096;
/// The one instruction that takes two slots; its second slot is data, not an opcode.
const LDDW: u8 = 0x18;
/// Instruction classes (the opcode's low three bits): store an immediate, store a register.
const CLASS: u8 = 0x07;
const ST: u8 = 0x02;
const STX: u8 = 0x03;
/// The destination register is the low half of the second byte; r10 is the frame pointer.
const DESTINATION: u8 = 0x0f;
const FRAME_POINTER: u8 = 10;

/// Rewrites the linker's `image` in place and says how many stores moved. Not idempotent: it must
/// run exactly once on what the linker wrote.
pub(crate) fn move_stack_arguments(image: &mut [u8]) -> Result<usize> {
    let range = text_section(image)?;
    let code = image
        .get_mut(range)
        .context(".text lies outside of the file")?;
    ensure!(
        code.len() % 8 == 0,
        ".text is not a whole number of instructions"
    );

    let mut moved: usize = 0;
    let mut second_slot = false;
    for instruction in code.chunks_exact_mut(8) {
        let [opcode, registers, low, high, ..] = instruction else {
            bail!("an instruction has eight bytes");
        };
        if mem::take(&mut second_slot) {
            continue;
        }
        second_slot = *opcode == LDDW;
        let offset = i16::from_le_bytes([*low, *high]);
        let stores = matches!(*opcode & CLASS, ST | STX);
        if stores && *registers & DESTINATION == FRAME_POINTER && offset > 0 {
            let beyond_gap = offset
                .checked_add(GAP)
                .context("a stack argument is out of reach")?;
            [*low, *high] = beyond_gap.to_le_bytes();
            moved = moved.saturating_add(1);
        }
    }
    Ok(moved)
}

/// Where `.text` lies in a 64-bit little-endian ELF.
fn text_section(image: &[u8]) -> Result<Range<usize>> {
    ensure!(
        image.starts_with(b"\x7fELF\x02\x01"),
        "not a 64-bit little-endian ELF"
    );
    let table = usize::try_from(u64::from_le_bytes(bytes(image, 0x28)?))?;
    let header_size = usize::from(u16::from_le_bytes(bytes(image, 0x3a)?));
    let count = usize::from(u16::from_le_bytes(bytes(image, 0x3c)?));
    let names_index = usize::from(u16::from_le_bytes(bytes(image, 0x3e)?));

    let header = |index: usize| {
        let start = index.saturating_mul(header_size).saturating_add(table);
        image
            .get(start..)
            .context("a section header lies outside of the file")
    };
    let names = contents(header(names_index)?)?;
    for index in 0..count {
        let header = header(index)?;
        let name = usize::try_from(u32::from_le_bytes(bytes(header, 0)?))?;
        let name = image.get(names.clone()).and_then(|names| names.get(name..));
        if name.is_some_and(|name| name.starts_with(b".text\0")) {
            return contents(header);
        }
    }
    bail!("no .text section")
}

/// The file range that a section header describes.
fn contents(header: &[u8]) -> Result<Range<usize>> {
    let offset = usize::try_from(u64::from_le_bytes(bytes(header, 0x18)?))?;
    let size = usize::try_from(u64::from_le_bytes(bytes(header, 0x20)?))?;
    Ok(offset
        ..offset
            .checked_add(size)
            .context("a section's end overflows")?)
}

fn bytes<const N: usize>(image: &[u8], at: usize) -> Result<[u8; N]> {
    let found = image.get(at..).and_then(<[u8]>::first_chunk);
    found
        .copied()
        .with_context(|| format!("the ELF ends before byte {at}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT_AT: usize = 0x40;
    const STORE_REGISTER: u8 = 0x7b;
    const STORE_IMMEDIATE: u8 = 0x7a;
    const LOAD: u8 = 0x79;

    fn instruction(opcode: u8, destination: u8, offset: i16) -> [u8; 8] {
        let [low, high] = offset.to_le_bytes();
        [opcode, 0x10 | destination, low, high, 0, 0, 0, 0]
    }

    /// ELF header, `.text`, the section names, then two section headers: names and `.text`.
    fn image(code: &[[u8; 8]]) -> Vec<u8> {
        let mut image = b"\x7fELF\x02\x01".to_vec();
        image.resize(TEXT_AT, 0);
        image.extend(code.iter().flatten());
        let names_at = image.len();
        image.extend(b"\0.shstrtab\0.text\0");
        let table = image.len();
        for (name, offset, size) in [(1u32, names_at, 17), (11, TEXT_AT, code.len() * 8)] {
            let mut header = vec![0u8; 64];
            header[..4].copy_from_slice(&name.to_le_bytes());
            header[0x18..0x20].copy_from_slice(&(offset as u64).to_le_bytes());
            header[0x20..0x28].copy_from_slice(&(size as u64).to_le_bytes());
            image.extend(header);
        }
        image[0x28..0x30].copy_from_slice(&(table as u64).to_le_bytes());
        // Header size, number of sections, index of the names.
        image[0x3a..0x40].copy_from_slice(&[64, 0, 2, 0, 0, 0]);
        image
    }

    fn offset_of(image: &[u8], instruction: usize) -> i16 {
        let at = TEXT_AT + instruction * 8;
        i16::from_le_bytes(bytes(image, at + 2).unwrap())
    }

    #[test]
    fn stores_above_the_frame_move_across_the_gap() {
        let mut image = image(&[
            instruction(STORE_REGISTER, FRAME_POINTER, 8),
            instruction(STORE_IMMEDIATE, FRAME_POINTER, 16),
        ]);
        assert_eq!(move_stack_arguments(&mut image).unwrap(), 2);
        assert_eq!((offset_of(&image, 0), offset_of(&image, 1)), (4104, 4112));
    }

    #[test]
    fn locals_loads_and_other_registers_stay() {
        let mut image = image(&[
            instruction(STORE_REGISTER, FRAME_POINTER, -8),
            instruction(STORE_REGISTER, FRAME_POINTER, 0),
            instruction(STORE_REGISTER, 9, 8),
            instruction(LOAD, FRAME_POINTER, 8),
        ]);
        let before = image.clone();
        assert_eq!(move_stack_arguments(&mut image).unwrap(), 0);
        assert_eq!(image, before);
    }

    #[test]
    fn the_second_slot_of_a_wide_load_is_not_an_instruction() {
        let mut image = image(&[
            instruction(LDDW, 1, 0),
            instruction(STORE_REGISTER, FRAME_POINTER, 8),
            instruction(STORE_REGISTER, FRAME_POINTER, 8),
        ]);
        assert_eq!(move_stack_arguments(&mut image).unwrap(), 1);
        assert_eq!((offset_of(&image, 1), offset_of(&image, 2)), (8, 4104));
    }

    #[test]
    fn what_is_no_elf_or_is_cut_short_is_refused() {
        assert!(move_stack_arguments(&mut b"text".to_vec()).is_err());
        let mut cut = image(&[instruction(STORE_REGISTER, FRAME_POINTER, 8)]);
        cut.truncate(cut.len() - 65);
        assert!(move_stack_arguments(&mut cut).is_err());
    }

    #[test]
    fn an_offset_that_no_longer_fits_is_refused() {
        let mut image = image(&[instruction(STORE_REGISTER, FRAME_POINTER, i16::MAX)]);
        assert!(move_stack_arguments(&mut image).is_err());
    }
}
