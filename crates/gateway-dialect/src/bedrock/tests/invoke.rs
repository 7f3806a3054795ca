//! Recorded bodies of `InvokeModel`.

use gateway_schema::chat::StreamEvent;
use gateway_schema::embedding::Vector;

use super::super::invoke::{Counts, InvokeDecoder, Vendor, decode_completion, decode_embedding};
use super::{corpus, events, feed};

#[test]
fn recorded_completions_of_every_vendor_are_read() {
    let mut vendors = Vec::new();
    for x in corpus() {
        let Some(vendor) = Vendor::of(x.model()).filter(|_| x.is("invoke") && x.status() == 200)
        else {
            continue;
        };
        let count = |name: &str| x.header(name).and_then(|text| text.parse().ok());
        let counts = Counts {
            input: count("x-amzn-bedrock-input-token-count"),
            output: count("x-amzn-bedrock-output-token-count"),
        };
        let reply = decode_completion(vendor, x.reply().to_string().as_bytes(), counts)
            .unwrap_or_else(|e| panic!("{}: {e:?}", x.name));
        assert!(!reply.choices[0].text.is_empty(), "{}", x.name);
        assert!(reply.choices[0].finish.is_some(), "{}", x.name);
        assert!(reply.usage.is_some(), "{}", x.name);
        vendors.push(vendor);
    }
    if !vendors.is_empty() {
        for vendor in [
            Vendor::Titan,
            Vendor::Nova,
            Vendor::Ai21,
            Vendor::Cohere,
            Vendor::Llama,
            Vendor::Mistral,
            Vendor::Claude,
        ] {
            assert!(vendors.contains(&vendor), "{vendor:?}");
        }
    }
}

#[test]
fn recorded_streams_of_every_vendor_are_read_wherever_they_are_cut() {
    for x in corpus() {
        let Some(vendor) =
            Vendor::of(x.model()).filter(|_| x.is("invoke_stream") && x.status() == 200)
        else {
            continue;
        };
        let stream = super::stream_of(&x);
        let (frames, error) = feed(&mut InvokeDecoder::new(vendor), &stream, &[]);
        assert_eq!(error, None, "{}", x.name);
        let whole = events(frames);
        assert_eq!(whole.last(), Some(&StreamEvent::End), "{}", x.name);
        let text: String = whole
            .iter()
            .filter_map(|event| match event {
                StreamEvent::Text { text, .. } => Some(text.as_str()),
                _ => None,
            })
            .collect();
        assert!(!text.is_empty(), "{}", x.name);
        assert!(whole.iter().any(
            |event| matches!(event, StreamEvent::Usage(usage) if usage.output_tokens.is_some())
        ));
        assert!(
            whole
                .iter()
                .any(|event| matches!(event, StreamEvent::Finish { .. }))
        );
        let cuts: Vec<usize> = (1..stream.len()).step_by(3).collect();
        let (split, error) = feed(&mut InvokeDecoder::new(vendor), &stream, &cuts);
        assert_eq!((error, events(split)), (None, whole), "{}", x.name);
    }
}

#[test]
fn recorded_embeddings_are_read() {
    for x in corpus() {
        if !x.is("embeddings") {
            continue;
        }
        let counts = Counts {
            input: x
                .header("x-amzn-bedrock-input-token-count")
                .and_then(|text| text.parse().ok()),
            output: None,
        };
        let reply = decode_embedding(x.reply().to_string().as_bytes(), counts).unwrap();
        let Vector::Floats(numbers) = &reply.embeddings[0].vector else {
            panic!("not numbers")
        };
        assert!(numbers.len() >= 256, "{}", x.name);
        assert_eq!(
            reply.usage.unwrap().input_tokens,
            counts.input,
            "{}",
            x.name
        );
    }
}
