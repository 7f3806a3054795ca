use gateway_schema::OptionProblem;
use serde_json::json;

use super::*;

#[test]
fn schedules_strike_when_they_say() {
    let struck = |when: &Schedule| -> Vec<u64> {
        (1..=8)
            .filter(|number| when.strikes(*number, 0.5))
            .collect()
    };
    assert_eq!(struck(&Schedule::Every(3)), [3, 6]);
    assert_eq!(struck(&Schedule::At(vec![2, 7])), [2, 7]);
    assert_eq!(struck(&Schedule::Rate(0.5)).len(), 0);
    assert_eq!(struck(&Schedule::Rate(0.6)).len(), 8);
    assert_eq!(struck(&Schedule::Always).len(), 8);
}

#[test]
fn every_kind_and_every_spelling_of_a_wait_is_read() {
    for (name, kind) in FaultKind::ALL {
        let faults = Fault::read_all(Some(&json!([{"kind": name}]))).unwrap();
        assert_eq!(faults, [Fault::new(kind)]);
    }
    for (written, wait) in [
        (json!(7), Wait::Seconds(7)),
        (json!("7"), Wait::Seconds(7)),
        (json!("seconds"), Wait::Seconds(1)),
        (json!("ms:250"), Wait::Milliseconds(250)),
        (json!("azure_ms:40"), Wait::AzureMilliseconds(40)),
        (json!("date:3"), Wait::Date(3)),
        (json!("none"), Wait::Silent),
    ] {
        let fault = json!({"kind": "rate_limit", "retry_after": written});
        assert_eq!(Fault::read_all(Some(&fault)).unwrap()[0].wait, wait);
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let faults = json!([
        {"kind": "cut", "rate": 0.1},
        {"kind": "explode"},
        {"kind": "cut", "rate": 2, "often": true},
        {"kind": "server_error", "status": 200, "every": 0},
        {"kind": "cut", "every": 2, "at": [1]},
        {"kind": "rate_limit", "retry_after": "later", "at": ["x"], "pause": []},
        7,
    ]);
    let problems: Vec<OptionProblem> = Fault::read_all(Some(&faults)).unwrap_err();
    let paths: Vec<&str> = problems
        .iter()
        .map(|problem| problem.path.as_str())
        .collect();
    let all = [
        "faults.1.kind",
        "faults.2.often",
        "faults.2.rate",
        "faults.3.every",
        "faults.3.status",
        "faults.4",
        "faults.5.at",
        "faults.5.retry_after",
        "faults.5.pause",
        "faults.6",
    ];
    assert_eq!(paths, all);
}
