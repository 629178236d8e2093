//! Routines that LLVM 23's BPF backend calls and that rustc 1.96's `compiler_builtins` cannot
//! supply with the calling convention the backend expects.
//!
//! The backend returns an `i128` in two registers (`r0`, `r2`); rustc returns it through a hidden
//! pointer. A mismatch shows as an access violation after a checked 64-bit multiplication or rent
//! arithmetic. `extern "unadjusted"` hands the type to LLVM untouched, so both sides agree.
//!
//! Two rules for every line here: no 128-bit `*`, `/` or `%`, because those operators lower to
//! these very functions; and no path that can panic, because a reference into `core::panicking`
//! does not link.

#![no_std]
#![feature(abi_unadjusted)]
#![allow(internal_features)]

use solana_compiler_builtins as _;

/// Schoolbook multiplication in 32-bit digits, modulo 2^128; the same bits signed and unsigned.
#[no_mangle]
pub extern "unadjusted" fn __multi3(a: i128, b: i128) -> i128 {
    const LOW: u64 = u32::MAX as u64;
    let (a_lo, a_hi, b_lo, b_hi) = (a as u64, (a >> 64) as u64, b as u64, (b >> 64) as u64);
    let (a0, a1, b0, b1) = (a_lo & LOW, a_lo >> 32, b_lo & LOW, b_lo >> 32);
    let (p00, p01, p10, p11) = (
        a0.wrapping_mul(b0),
        a0.wrapping_mul(b1),
        a1.wrapping_mul(b0),
        a1.wrapping_mul(b1),
    );
    // At most 3 * (2^32 - 1), so this sum cannot wrap.
    let middle = (p00 >> 32).wrapping_add(p01 & LOW).wrapping_add(p10 & LOW);
    let low = (p00 & LOW) | (middle << 32);
    let high = p11
        .wrapping_add(p01 >> 32)
        .wrapping_add(p10 >> 32)
        .wrapping_add(middle >> 32)
        .wrapping_add(a_lo.wrapping_mul(b_hi))
        .wrapping_add(a_hi.wrapping_mul(b_lo));
    ((high as u128) << 64 | low as u128) as i128
}

/// Quotient and remainder: one machine division where both fit 64 bits, else bit by bit.
#[inline(always)]
fn div_rem(n: u128, d: u128) -> (u128, u128) {
    // SAFETY: rustc tests every divisor for zero before it emits the call.
    unsafe { core::hint::assert_unchecked(d != 0) };
    if n >> 64 == 0 && d >> 64 == 0 {
        let (n, d) = (n as u64, d as u64);
        // SAFETY: `d` was not zero and fits 64 bits, so its low half is not zero.
        unsafe { core::hint::assert_unchecked(d != 0) };
        return ((n / d) as u128, (n % d) as u128);
    }
    let (mut quotient, mut remainder) = (0u128, 0u128);
    let mut bit = 128;
    while bit > 0 {
        bit -= 1;
        // The bit shifted out is lost when `d` exceeds 2^127; `carry` remembers it.
        let carry = remainder >> 127 != 0;
        remainder = (remainder << 1) | ((n >> bit) & 1);
        if carry || remainder >= d {
            remainder = remainder.wrapping_sub(d);
            quotient |= 1u128 << bit;
        }
    }
    (quotient, remainder)
}

/// `n / d`, unsigned.
#[no_mangle]
pub extern "unadjusted" fn __udivti3(n: u128, d: u128) -> u128 {
    div_rem(n, d).0
}

/// `n % d`, unsigned.
#[no_mangle]
pub extern "unadjusted" fn __umodti3(n: u128, d: u128) -> u128 {
    div_rem(n, d).1
}

/// `n / d`, signed, rounding towards zero.
#[no_mangle]
pub extern "unadjusted" fn __divti3(n: i128, d: i128) -> i128 {
    let quotient = div_rem(n.unsigned_abs(), d.unsigned_abs()).0 as i128;
    if (n < 0) != (d < 0) {
        quotient.wrapping_neg()
    } else {
        quotient
    }
}

/// `n % d`, signed: the remainder has the dividend's sign.
#[no_mangle]
pub extern "unadjusted" fn __modti3(n: i128, d: i128) -> i128 {
    let remainder = div_rem(n.unsigned_abs(), d.unsigned_abs()).1 as i128;
    if n < 0 {
        remainder.wrapping_neg()
    } else {
        remainder
    }
}
