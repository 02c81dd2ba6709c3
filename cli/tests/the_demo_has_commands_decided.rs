//! `ringlog demo --commands`: every command has one outcome, and the journal has what was accepted.
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests, which clippy cannot see"
)]
#![allow(
    dead_code,
    reason = "every test program uses its own part of the support"
)]

#[path = "support/program.rs"]
mod program;

use program::ringlog;

#[test]
fn commands_are_accepted_and_rejected_by_every_rule() {
    for sharing in [["1", "1"], ["3", "2"]] {
        let [clients, partitions] = sharing;
        let report = ringlog(&[
            "demo",
            "--commands",
            "--events",
            "60000",
            "--publishers",
            clients,
            "--partitions",
            partitions,
            "--json",
        ])
        .expect(0)
        .json();
        let number = |name: &str| report[name].as_u64().unwrap();
        assert_eq!(number("commands"), 60_000);
        assert_eq!(number("accepted") + number("rejected"), 60_000);
        assert!(number("accepted") > 50_000, "{report}");
        assert_eq!(number("events"), number("accepted"));
        assert_eq!(report["check"]["events"], report["events"]);
        let reasons = report["rejected_by_reason"].as_object().unwrap();
        for reason in [
            "not finite",
            "negative speed",
            "outside the map",
            "too far",
            "unknown attacker",
            "unknown target",
            "out of range",
        ] {
            assert!(reasons.contains_key(reason), "no `{reason}` in {report}");
        }
        let counts = reasons.values().map(|count| count.as_u64().unwrap());
        assert_eq!(counts.sum::<u64>(), number("rejected"));
        let latency = &report["reply_latency"];
        assert!(latency["p50_us"].as_f64() <= latency["p999_us"].as_f64());
        assert!(latency["samples"].as_u64() > Some(0));
    }
}

#[test]
fn the_text_says_why_commands_were_rejected() {
    let ended = ringlog(&["demo", "--commands", "--events", "20000"]).expect(0);
    for word in ["commands/s", "too far", "the state is equal"] {
        assert!(ended.stdout.contains(word), "{}", ended.stdout);
    }
}
