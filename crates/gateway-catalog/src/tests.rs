use gateway_schema::Usage;

use crate::{Catalog, Price, Rates};

fn usage(input: u64, output: u64) -> Usage {
    Usage::new(input, output)
}

#[test]
fn every_line_of_the_table_can_be_found_and_read() {
    let catalog = Catalog::bundled();
    assert_eq!(catalog.len(), 4552);
    assert_eq!(catalog.version(), "1.109.1");
    let table = include_str!("../data/model_prices.json");
    let value: serde_json::Value = serde_json::from_str(table).unwrap();
    for line in value["models"].as_array().unwrap() {
        let (provider, model) = (
            line["provider"].as_str().unwrap(),
            line["model"].as_str().unwrap(),
        );
        let facts = catalog.find(provider, model);
        assert!(facts.is_some(), "{provider}/{model}");
    }
}

#[test]
fn our_names_of_providers_lead_to_the_tables() {
    let catalog = Catalog::bundled();
    for (provider, model) in [
        ("openai", "gpt-4o"),
        ("OpenAI", "gpt-4o-2024-08-06"),
        ("azure", "gpt-4o"),
        ("anthropic", "claude-sonnet-4-5"),
        ("anthropic", "claude-sonnet-4-5-20991231"),
        ("amazon-bedrock", "amazon.nova-lite-v1:0"),
        ("vertex_ai", "gemini-2.5-pro"),
        ("gemini", "gemini-2.5-pro"),
    ] {
        let facts = catalog.find(provider, model);
        assert!(
            facts.is_some_and(|facts| facts.price.is_some()),
            "{provider}/{model}"
        );
    }
    assert_eq!(catalog.find("openai", "no-such-model"), None);
}

#[test]
fn cached_tokens_are_priced_once_at_their_own_price() {
    let price = Price::flat(Rates {
        input: Some(3_000_000),
        output: Some(15_000_000),
        cache_read: Some(300_000),
        cache_write: Some(3_750_000),
        cache_write_1h: Some(6_000_000),
        ..Rates::default()
    });
    let mut usage = usage(10_000, 100);
    usage.cache_read_tokens = Some(6_000);
    usage.cache_write_tokens = Some(3_000);
    usage.cache_write_1h_tokens = Some(1_000);
    // 1,000 fresh + 6,000 read + 2,000 written + 1,000 written for an hour + 100 output, in micro-dollars:
    // 3,000 + 1,800 + 7,500 + 6,000 + 1,500.
    assert_eq!(price.cost(&usage).nanos(), 19_800_000);
}

#[test]
fn the_price_of_long_prompts_applies_to_the_whole_call() {
    let facts = Catalog::bundled().find("gemini", "gemini-2.5-pro").unwrap();
    let price = facts.price.unwrap();
    assert_eq!(price.cost(&usage(200_000, 0)).nanos(), 250_000_000);
    assert_eq!(price.cost(&usage(200_001, 0)).nanos(), 500_002_500);
}

#[test]
fn reasoning_is_part_of_the_output_and_not_priced_twice() {
    let price = Price::per_million(1.0, 10.0);
    let mut usage = usage(0, 1_000);
    usage.reasoning_tokens = Some(900);
    assert_eq!(price.cost(&usage).nanos(), 10_000_000);
}

#[test]
fn parts_larger_than_the_whole_do_not_underflow() {
    let price = Price::per_million(1.0, 1.0);
    let mut usage = usage(10, 10);
    usage.cache_read_tokens = Some(1_000);
    usage.input_audio_tokens = Some(u64::MAX);
    usage.reasoning_tokens = Some(u64::MAX);
    assert!(price.cost(&usage).nanos() > 0);
}
