//! What goes up means to every reader of JSON what it means to the gateway.
//!
//! Requests in random spellings (escapes in keys and values, members that stand twice, white space, nesting, surrogate
//! pairs, large numbers) are read by the gateway and written for a provider as the same-dialect lane does it. Readers of
//! other languages read both texts. What they read must be the same, but for the model, and what the gateway reads must be
//! what they read.
//!
//! `cargo xtask test` installs the readers; one that is not there is skipped, and the test says so.

mod reader;
mod spelling;

use bytes::Bytes;
use gateway_dialect::openai::{Defaults, Forward};
use gateway_json::{Envelope, splice};
use gateway_schema::Operation;
use serde_json::{Map, Value};

use reader::Reader;
use spelling::Speller;

const CASES: usize = 10_000;
const PINNED: &str = "the model of the endpoint";

/// A request, as its caller wrote it, and what became of it.
struct Case {
    written: String,
    /// What the gateway reads, and its members.
    read: Bytes,
    envelope: Envelope,
    sent: String,
}

impl Case {
    fn new(speller: &mut Speller) -> Self {
        let written = speller.request();
        let (read, envelope) = Envelope::read(Bytes::from(written.clone())).unwrap();
        let defaults = Defaults::new(&Map::new());
        let how = Forward {
            model: PINNED,
            adds_model: true,
            operation: Operation::Chat,
            stream: false,
            stream_options: true,
            defaults: &defaults,
        };
        let sent = splice(&read, &how.edits(&read, &envelope));
        let sent = String::from_utf8(sent.to_vec()).unwrap();
        Self {
            written,
            read,
            envelope,
            sent,
        }
    }

    /// Checks what a reader reads of both texts.
    fn judge(&self, reader: &str, written: &Value, sent: &Value) {
        let mut expected = written.clone();
        let fields = expected.as_object_mut().unwrap();
        fields.insert("model".to_owned(), PINNED.into());
        assert!(
            alike(&expected, sent),
            "{reader} reads {sent}\nof {}\nwhich was {}",
            self.sent,
            self.written
        );
        let text = |key| written[key].as_str();
        for key in ["model", "user"] {
            let ours = self.envelope.string(&self.read, key);
            assert_eq!(ours.as_deref(), text(key), "{reader}: {}", self.written);
        }
        let ours = self.envelope.bool(&self.read, "stream");
        assert_eq!(
            ours,
            written["stream"].as_bool(),
            "{reader}: {}",
            self.written
        );
        for key in ["max_tokens", "max_completion_tokens", "n"] {
            let ours = self.envelope.integer(&self.read, key);
            assert!(
                is_integer(ours, &written[key]),
                "{reader}: {key} in {}",
                self.written
            );
        }
        for key in [
            "messages",
            "tools",
            "metadata",
            "temperature",
            "stream_options",
        ] {
            let ours = self.envelope.get(&self.read, key);
            let ours = ours.map(|text| serde_json::from_slice::<Value>(text).unwrap());
            let theirs = written.get(key);
            let same = match (&ours, theirs) {
                (Some(ours), Some(theirs)) => alike(ours, theirs),
                (ours, theirs) => ours.is_none() && theirs.is_none(),
            };
            assert!(same, "{reader}: {key} in {}", self.written);
        }
    }
}

/// Whether the gateway's reading of a whole number is what was read elsewhere.
#[expect(clippy::cast_precision_loss, reason = "readers have floats")]
fn is_integer(ours: Option<u64>, theirs: &Value) -> bool {
    let whole = theirs
        .as_f64()
        .filter(|number| *number >= 0.0 && number.fract() == 0.0);
    match (ours, whole) {
        (Some(ours), Some(theirs)) => close(ours as f64, theirs.min(u64::MAX as f64)),
        (ours, theirs) => ours.is_none() && theirs.is_none(),
    }
}

fn close(one: f64, other: f64) -> bool {
    (one - other).abs() <= one.abs().max(other.abs()) * 1e-12
}

/// Whether two values are the same. Readers keep numbers in different types.
fn alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            close(one.as_f64().unwrap(), other.as_f64().unwrap())
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| alike(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, one)| other.get(key).is_some_and(|other| alike(one, other)))
        }
        _ => one == other,
    }
}

#[test]
fn what_goes_up_means_to_every_reader_what_it_means_to_the_gateway() {
    let mut speller = Speller::new(20_261_201);
    let cases: Vec<Case> = (0..CASES).map(|_| Case::new(&mut speller)).collect();
    let lines: Vec<&str> = cases
        .iter()
        .flat_map(|case| [case.written.as_str(), case.sent.as_str()])
        .collect();
    let judge = |reader: &Reader| match reader.read(&lines) {
        Ok(read) => {
            assert_eq!(read.len(), lines.len(), "{}", reader.name);
            for (case, pair) in cases.iter().zip(read.chunks_exact(2)) {
                case.judge(reader.name, &pair[0], &pair[1]);
            }
            true
        }
        Err(absent) => {
            println!("skipped: {} is not there ({absent})", reader.name);
            false
        }
    };
    let readers = Reader::all();
    let judge = &judge;
    let there: Vec<bool> = std::thread::scope(|scope| {
        let running: Vec<_> = readers
            .iter()
            .map(|reader| scope.spawn(move || judge(reader)))
            .collect();
        running.into_iter().map(|it| it.join().unwrap()).collect()
    });
    println!(
        "{} of {} readers agree",
        there.iter().filter(|it| **it).count(),
        readers.len()
    );
}
