//! Bits as words that can be said and written down: four letters, consonant vowel consonant vowel,
//! twelve bits a word; knows nothing of what the bits are. The scheme needs no word list.

/// Sixteen consonants that do not sound alike: four bits each.
const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
/// Four vowels: two bits each.
const VOWELS: &[u8; 4] = b"aiou";

/// The 4096 words, by their twelve bits (higher bits are ignored).
pub(crate) fn word(bits: u16) -> String {
    let at = |table: &[u8], index: u16| {
        char::from(
            table
                .get(usize::from(index) % table.len().max(1))
                .copied()
                .unwrap_or(b'?'),
        )
    };
    [
        at(CONSONANTS, bits >> 8 & 15),
        at(VOWELS, bits >> 6 & 3),
        at(CONSONANTS, bits >> 2 & 15),
        at(VOWELS, bits & 3),
    ]
    .into_iter()
    .collect()
}

/// The twelve bits of a word, in lower case.
pub(crate) fn bits(word: &str) -> Option<u16> {
    let find = |table: &[u8], c: u8| table.iter().position(|&t| t == c).map(|i| i as u16);
    match word.as_bytes() {
        [a, b, c, d] => Some(
            find(CONSONANTS, *a)? << 8
                | find(VOWELS, *b)? << 6
                | find(CONSONANTS, *c)? << 2
                | find(VOWELS, *d)?,
        ),
        _ => None,
    }
}

/// Bytes as words, three bytes to two words; a rest of fewer than three bytes is left out.
pub(crate) fn encode(bytes: &[u8]) -> Vec<String> {
    bytes
        .chunks_exact(3)
        .flat_map(|c| {
            let high = u16::from(c[0]) << 4 | u16::from(c[1]) >> 4;
            let low = u16::from(c[1] & 15) << 8 | u16::from(c[2]);
            [word(high), word(low)]
        })
        .collect()
}

/// Words as bytes; `None` with the index of the first thing that is not a word.
pub(crate) fn decode<'a>(words: impl Iterator<Item = &'a str>) -> Result<Vec<u8>, usize> {
    let mut out = Vec::new();
    let mut held = None;
    for (i, text) in words.enumerate() {
        let low = bits(text).ok_or(i)?;
        match held.take() {
            None => held = Some(low),
            Some(high) => {
                let joined = u32::from(high) << 12 | u32::from(low);
                out.extend_from_slice(&joined.to_be_bytes()[1..]);
            }
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_says_its_bits() {
        for value in 0..4096 {
            let text = word(value);
            assert_eq!(text.len(), 4);
            assert_eq!(bits(&text), Some(value));
        }
        assert_eq!(bits("book"), None);
        assert_eq!(bits("ba"), None);
    }

    #[test]
    fn bytes_survive_their_words() {
        let bytes: Vec<u8> = (0..=35).map(|i| i * 7).collect();
        let words = encode(&bytes);
        assert_eq!(words.len(), 24);
        assert_eq!(decode(words.iter().map(String::as_str)), Ok(bytes));
        assert_eq!(decode(["babi", "nope!"].into_iter()), Err(1));
    }
}
