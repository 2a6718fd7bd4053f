//! Messages and codes that were damaged, ten thousand and more: refused or understood, never a panic, never
//! too much kept.

mod checks;
mod seeds;

use facesets_mutator::survives;

#[test]
fn six_thousand_damaged_streams_give_items_within_limits_or_end() {
    survives(&seeds::streams(), 6000, checks::stream);
}

#[test]
fn six_thousand_damaged_messages_are_refused_or_mean_the_same_when_written_again() {
    survives(&seeds::messages(), 6000, checks::message);
}

#[test]
fn damaged_codes_addresses_and_names_are_refused_or_read_back() {
    // Few: looking for the one wrong character takes milliseconds.
    survives(&seeds::typed(), 500, checks::typed);
}

#[test]
fn damaged_parts_under_a_right_checksum_are_refused_or_read_back() {
    survives(&seeds::code_parts(), 4000, checks::code_with_checksum);
}
