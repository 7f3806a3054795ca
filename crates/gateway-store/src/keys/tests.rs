use super::*;

fn hash() -> HashKey {
    HashKey::random().unwrap()
}

#[test]
fn a_key_is_found_by_itself_and_by_nothing_near_it() {
    let store = MemoryKeys::new(hash(), [("sk-one", KeyRecord::new("one"))]);
    assert_eq!(&*store.find("sk-one").unwrap().name, "one");
    for near in ["", "sk-on", "sk-one ", "sk-onf", "SK-ONE"] {
        assert!(store.find(near).is_none(), "{near}");
    }
}

#[test]
fn neither_the_store_nor_its_records_print_a_key() {
    let store = MemoryKeys::new(hash(), [("sk-one", KeyRecord::new("one"))]);
    let shown = format!("{store:?} {:?} {:?}", store.find("sk-one"), hash());
    assert!(!shown.contains("sk-one"), "{shown}");
}

#[test]
fn two_processes_have_different_digests_of_the_same_key() {
    assert_ne!(hash().digest("sk-one"), hash().digest("sk-one"));
    let one = hash();
    assert_eq!(one.digest("sk-one"), one.digest("sk-one"));
}

#[test]
fn among_a_hundred_thousand_keys_each_finds_its_own() {
    let keys: Vec<String> = (0..100_000).map(|n| format!("sk-{n}")).collect();
    let records = keys
        .iter()
        .map(|key| (key.as_str(), KeyRecord::new(&key[3..])));
    let store = MemoryKeys::new(hash(), records);
    for n in (0..100_000).step_by(997) {
        let found = store.find(&keys[n]).unwrap();
        assert_eq!(*found.name, n.to_string());
    }
    assert!(store.find("sk-100000").is_none());
}

#[test]
fn keys_change_while_they_are_used_and_a_record_in_use_stays_as_it_was() {
    let hash = hash();
    let store = MemoryKeys::new(hash.clone(), [("sk-old", KeyRecord::new("old"))]);
    let in_use = store.find("sk-old").unwrap();
    let stored = Digest::from_bytes(*hash.digest("sk-new").as_bytes());
    store.replace([(stored, Arc::new(KeyRecord::new("new")))]);
    assert!(store.find("sk-old").is_none());
    assert_eq!(&*store.find("sk-new").unwrap().name, "new");
    assert_eq!(&*in_use.name, "old");
}
