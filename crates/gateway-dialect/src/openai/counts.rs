//! The counts of a usage object and nothing else: what is read of answers that are forwarded untouched. No tree, no copies.

use gateway_json::{Cursor, Fault, Text};
use gateway_schema::Usage;

/// Reads the counts of a usage object; `None` of anything else.
///
/// # Errors
/// [`Fault`] where there is no value.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Option<Usage>, Fault> {
    let mut usage = Usage::default();
    // What some vendors state under flat names; it counts where the details say nothing.
    let (mut flat_read, mut flat_write, mut flat_reasoning) = (None, None, None);
    let found = object(cursor, |cursor, key| {
        match key.plain() {
            b"prompt_tokens" => usage.input_tokens = cursor.whole_number()?,
            b"completion_tokens" => usage.output_tokens = cursor.whole_number()?,
            b"total_tokens" => usage.total_tokens = cursor.whole_number()?,
            b"prompt_tokens_details" => of_prompt(cursor, &mut usage)?,
            b"completion_tokens_details" => of_completion(cursor, &mut usage)?,
            b"cached_tokens" | b"prompt_cache_hit_tokens" | b"cache_read_input_tokens" => {
                let read = cursor.whole_number()?;
                flat_read = flat_read.or(read);
            }
            b"cache_creation_input_tokens" => flat_write = cursor.whole_number()?,
            b"reasoning_tokens" => flat_reasoning = cursor.whole_number()?,
            _ => cursor.skip()?,
        }
        Ok(())
    })?;
    usage.cache_read_tokens = usage.cache_read_tokens.or(flat_read);
    usage.cache_write_tokens = usage.cache_write_tokens.or(flat_write);
    usage.reasoning_tokens = usage.reasoning_tokens.or(flat_reasoning);
    Ok(found.then_some(usage))
}

fn of_prompt(cursor: &mut Cursor<'_>, usage: &mut Usage) -> Result<(), Fault> {
    object(cursor, |cursor, key| {
        match key.plain() {
            b"cached_tokens" => usage.cache_read_tokens = cursor.whole_number()?,
            b"cache_write_tokens" => usage.cache_write_tokens = cursor.whole_number()?,
            b"audio_tokens" => usage.input_audio_tokens = cursor.whole_number()?,
            _ => cursor.skip()?,
        }
        Ok(())
    })
    .map(drop)
}

fn of_completion(cursor: &mut Cursor<'_>, usage: &mut Usage) -> Result<(), Fault> {
    object(cursor, |cursor, key| {
        match key.plain() {
            b"reasoning_tokens" => usage.reasoning_tokens = cursor.whole_number()?,
            b"audio_tokens" => usage.output_audio_tokens = cursor.whole_number()?,
            _ => cursor.skip()?,
        }
        Ok(())
    })
    .map(drop)
}

/// Goes over a value; says whether it was an object, whose members `member` reads.
fn object<'a>(
    cursor: &mut Cursor<'a>,
    member: impl FnMut(&mut Cursor<'a>, Text<'a>) -> Result<(), Fault>,
) -> Result<bool, Fault> {
    if cursor.peek() == Some(b'{') {
        cursor.members(member).map(|()| true)
    } else {
        cursor.skip().map(|()| false)
    }
}

#[cfg(test)]
mod tests {
    use gateway_json::Cursor;

    use super::read;
    use crate::openai::usage;

    /// The counts are those of the whole reading, whatever stands there.
    #[test]
    fn the_counts_are_those_of_the_whole_reading() {
        for text in [
            r#"{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,"prompt_tokens_details":{"cached_tokens":4,"audio_tokens":1,"x":{}},"completion_tokens_details":{"reasoning_tokens":3,"audio_tokens":2,"accepted_prediction_tokens":0},"x":[1,{"y":null}]}"#,
            r#"{"prompt_tokens":19,"prompt_cache_hit_tokens":7,"cache_creation_input_tokens":5,"reasoning_tokens":3}"#,
            r#"{"prompt_tokens":19,"cached_tokens":7,"prompt_tokens_details":{"cached_tokens":null}}"#,
            r#"{"cached_tokens":null,"cache_read_input_tokens":3}"#,
            r#"{"prompt_tokens":"19","completion_tokens":1.5,"total_tokens":-1,"prompt_tokens_details":7,"completion_tokens_details":[1]}"#,
            r#"{"prompt_tokens":{"a":1},"completion_tokens":[2],"total_tokens":true}"#,
            "{}",
            "null",
            "[1,2]",
            "3",
            "\"usage\"",
        ] {
            let node = serde_json::from_str(text).unwrap();
            let mut whole = usage::decode(node);
            if let Some(usage) = &mut whole {
                usage.extra.clear();
            }
            let mut cursor = Cursor::new(text.as_bytes());
            assert_eq!(read(&mut cursor).unwrap(), whole, "{text}");
            assert_eq!(cursor.end(), Ok(()), "{text}");
        }
    }
}
