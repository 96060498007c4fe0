//! Made-up names, `adjective_machine`: an adjective and a computer of the past.

const ADJECTIVES: &[&str] = &[
    "able", "amber", "blithe", "bold", "brave", "bright", "brisk", "calm", "clear", "crisp", "deft", "eager", "early",
    "fair", "fleet", "fond", "frank", "fresh", "gentle", "glad", "grand", "hale", "happy", "hardy", "jolly", "keen",
    "kind", "light", "lively", "lucid", "merry", "mild", "neat", "nimble", "noble", "patient", "plain", "prime",
    "proud", "quick", "quiet", "rapid", "ready", "sharp", "sleek", "smart", "snug", "solid", "spry", "steady", "stout",
    "sunny", "swift", "tidy", "trim", "true", "vivid", "warm", "wise", "witty",
];

const MACHINES: &[&str] = &[
    "altair",
    "amiga",
    "archimedes",
    "atanasoff",
    "atlas",
    "bendix",
    "burroughs",
    "colossus",
    "csirac",
    "deuce",
    "edsac",
    "edvac",
    "eliza",
    "eniac",
    "ferranti",
    "harvard",
    "illiac",
    "imsai",
    "johnniac",
    "kaypro",
    "leo",
    "lisa",
    "maniac",
    "mark",
    "mercury",
    "multics",
    "nascom",
    "nova",
    "oric",
    "orion",
    "osborne",
    "pegasus",
    "plato",
    "sage",
    "sinclair",
    "sirius",
    "swac",
    "titan",
    "univac",
    "whirlwind",
    "xerox",
    "zuse",
];

/// A name from random bytes; a number follows after the first attempt.
pub(crate) fn make_up(random: &[u8; 32], attempt: usize) -> String {
    let word = |list: &[&'static str], at: usize| {
        list[usize::from(u16::from_le_bytes([random[at], random[at + 1]])) % list.len()]
    };
    let name = format!("{}_{}", word(ADJECTIVES, 0), word(MACHINES, 2));
    if attempt == 0 { name } else { format!("{name}{}", random[4] % 100) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_names_are_good_names() {
        for n in 0..=255u8 {
            for attempt in 0..2 {
                let name = make_up(&[n; 32], attempt);
                assert!(crate::index::check_name(&name).is_ok(), "{name}");
            }
        }
    }
}
