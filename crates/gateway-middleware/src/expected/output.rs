//! How much a request lets the model generate: the limit it states, and how many answers it asks for. Every dialect's
//! names, in any spelling of theirs; of several limits the largest counts.

use gateway_json::{Cursor, Envelope};

/// Names of limits of tokens, in lower case and without underscores.
const LIMITS: [&[u8]; 10] = [
    b"maxtokens",
    b"maxcompletiontokens",
    b"maxoutputtokens",
    b"maxtokenstosample",
    b"maxnewtokens",
    b"maxtokencount",
    b"maxgenlen",
    b"maxgentokens",
    b"maxlength",
    b"numpredict",
];
/// Names of the number of answers.
const ANSWERS: [&[u8]; 6] = [
    b"n",
    b"bestof",
    b"candidatecount",
    b"numgenerations",
    b"numresults",
    b"numreturnsequences",
];
/// Objects in which either may stand.
const WITHIN: [&[u8]; 9] = [
    b"generationconfig",
    b"inferenceconfig",
    b"inferenceparams",
    b"textgenerationconfig",
    b"parameters",
    b"options",
    b"additionalmodelrequestfields",
    b"extrabody",
    b"config",
];
/// Longer names are none of these.
const LONGEST_NAME: usize = 32;

/// What a request states about the length of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stated {
    /// The most tokens of one answer.
    pub(crate) limit: Option<u64>,
    /// How many answers; 1 where nothing is stated.
    pub(crate) answers: u64,
}

impl Default for Stated {
    fn default() -> Self {
        Self {
            limit: None,
            answers: 1,
        }
    }
}

impl Stated {
    /// Of a body that was scanned. Only the members concerned are looked at.
    pub(crate) fn of(body: &[u8], envelope: &Envelope) -> Self {
        let mut stated = Self::default();
        let mut prompts = 1;
        for member in envelope.members() {
            let key = body.get(member.key.clone()).unwrap_or_default();
            let value = body.get(member.value.clone()).unwrap_or_default();
            if key == b"prompt" {
                prompts = prompts_in(value);
            } else {
                stated.member(key, value, true);
            }
        }
        stated.answers = stated.answers.saturating_mul(prompts);
        stated
    }

    /// Of a body that goes up as it is, whatever its keys look like; what is not JSON states nothing.
    pub(crate) fn of_text(body: &[u8]) -> Self {
        let mut stated = Self::default();
        let mut prompts = 1;
        let mut cursor = Cursor::new(body);
        let read = cursor.members(|cursor, key| {
            let value = cursor.value()?;
            let value = body.get(value).unwrap_or_default();
            if key.plain() == b"prompt" {
                prompts = prompts_in(value);
            } else {
                stated.member(key.plain(), value, true);
            }
            Ok(())
        });
        if read.is_err() {
            return Self::default();
        }
        stated.answers = stated.answers.saturating_mul(prompts);
        stated
    }

    /// Of all answers together.
    pub(crate) fn total(self) -> Option<u64> {
        Some(self.limit?.saturating_mul(self.answers))
    }

    fn member(&mut self, key: &[u8], value: &[u8], may_nest: bool) {
        let mut buffer = [0; LONGEST_NAME];
        let Some(name) = plain_name(key, &mut buffer) else {
            return;
        };
        if LIMITS.contains(&name) {
            self.limit = self.limit.max(number(value));
        } else if ANSWERS.contains(&name) {
            self.answers = self.answers.max(number(value).unwrap_or(1));
        } else if may_nest && value.first() == Some(&b'{') && WITHIN.contains(&name) {
            self.within(value);
        }
    }

    fn within(&mut self, object: &[u8]) {
        let mut cursor = Cursor::new(object);
        // The whole text was checked before: what cannot be read here states nothing.
        let _ = cursor.members(|cursor, key| {
            let value = cursor.value()?;
            let value = object.get(value).unwrap_or_default();
            self.member(key.plain(), value, false);
            Ok(())
        });
    }
}

/// A name in lower case, without underscores and escapes; `None` of one that is too long.
fn plain_name<'a>(key: &[u8], buffer: &'a mut [u8; LONGEST_NAME]) -> Option<&'a [u8]> {
    let decoded;
    let mut key = key;
    if key.contains(&b'\\') {
        let quoted = [b"\"", key, b"\""].concat();
        let text = Cursor::new(&quoted).text().ok()??.decode()?.into_owned();
        decoded = text;
        key = decoded.as_bytes();
    }
    let mut length = 0;
    for byte in key.iter().filter(|byte| **byte != b'_') {
        *buffer.get_mut(length)? = byte.to_ascii_lowercase();
        length += 1;
    }
    buffer.get(..length)
}

/// A number, rounded up, also in quotes.
fn number(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    let text = text.trim_matches(['"', ' ']);
    let whole = text.parse().ok();
    whole.or_else(|| {
        let value: f64 = text.parse().ok()?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a float is cast to the nearest number there is"
        )]
        let number = (value.is_finite() && value >= 0.0).then_some(value.ceil() as u64);
        number
    })
}

/// How many texts a completion continues: a list of texts or of lists of tokens is that many.
fn prompts_in(value: &[u8]) -> u64 {
    if value.first() != Some(&b'[') {
        return 1;
    }
    let mut count = 0_u64;
    let mut cursor = Cursor::new(value);
    let _ = cursor.items(|cursor| {
        if matches!(cursor.peek(), Some(b'"' | b'[')) {
            count += 1;
        }
        cursor.skip()
    });
    count.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dialect_s_limit_is_read_and_the_largest_counts() {
        for (body, limit, answers) in [
            ("{}", None, 1),
            (r#"{"max_tokens": 20}"#, Some(20), 1),
            (
                r#"{"max_completion_tokens": 1, "max_tokens": 4000}"#,
                Some(4000),
                1,
            ),
            (r#"{"max_tokens": 4000, "max_tokens": 1}"#, Some(4000), 1),
            (r#"{"max\u005ftokens": 4e3}"#, Some(4000), 1),
            (r#"{"MAX_TOKENS": 4000.0}"#, Some(4000), 1),
            (r#"{"max_tokens": "4000"}"#, Some(4000), 1),
            (r#"{"max_tokens": null, "n": null}"#, None, 1),
            (r#"{"max_tokens": -5, "n": 0}"#, None, 1),
            (r#"{"max_output_tokens": 7}"#, Some(7), 1),
            (r#"{"max_tokens_to_sample": 7}"#, Some(7), 1),
            (r#"{"n": 20, "max_tokens": 10}"#, Some(10), 20),
            (r#"{"n": 2, "best_of": 5}"#, None, 5),
            (
                r#"{"generationConfig": {"maxOutputTokens": 9, "candidateCount": 3}}"#,
                Some(9),
                3,
            ),
            (
                r#"{"generation_config": {"max_output_tokens": 9}}"#,
                Some(9),
                1,
            ),
            (r#"{"inferenceConfig": {"maxTokens": 9}}"#, Some(9), 1),
            (
                r#"{"inferenceConfig": {"maxTokens": 1}, "additionalModelRequestFields": {"max_tokens": 9}}"#,
                Some(9),
                1,
            ),
            (
                r#"{"textGenerationConfig": {"maxTokenCount": 9}}"#,
                Some(9),
                1,
            ),
            (r#"{"max_gen_len": 9}"#, Some(9), 1),
            (
                r#"{"parameters": {"max_new_tokens": 9, "num_return_sequences": 2}}"#,
                Some(9),
                2,
            ),
            (r#"{"options": {"num_predict": 9}}"#, Some(9), 1),
            (r#"{"max_tokens": 9, "num_generations": 4}"#, Some(9), 4),
            (
                r#"{"prompt": ["a", "b", "c"], "n": 2, "max_tokens": 5}"#,
                Some(5),
                6,
            ),
            (r#"{"prompt": [1, 2, 3], "max_tokens": 5}"#, Some(5), 1),
            (r#"{"prompt": [[1, 2], [3]], "max_tokens": 5}"#, Some(5), 2),
            (
                r#"{"messages": [{"max_tokens": 9}], "tools": {"max_tokens": 9}}"#,
                None,
                1,
            ),
        ] {
            let stated = Stated::of_text(body.as_bytes());
            assert_eq!((stated.limit, stated.answers), (limit, answers), "{body}");
        }
        assert_eq!(Stated::of_text(b"no JSON"), Stated::default());
    }
}
