//! Whatever line was ingested, `dump` prints an equal JSON value; and lines that are no events are
//! refused with a reason.
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests, which clippy cannot see"
)]

mod support;

use proptest::prelude::*;
use ringlog::game::GameEvent;
use ringlog_cli::{Domain, Game};
use support::json::value;
use support::printed;

/// A line of `event_type` with `payload`.
fn line(event_type: &str, payload: &str) -> String {
    format!(
        r#"{{"event_type":"{event_type}","event_id":"e-1","timestamp":1434393428244,"user_id":7,"correlation_id":"match","payload":{payload}}}"#
    )
}

#[track_caller]
fn assert_comes_back(event_type: &str, payload: &str) -> GameEvent {
    let line = line(event_type, payload);
    let printed = printed(&line);
    assert_eq!(
        value(&printed),
        value(&line),
        "\n   line {line}\nprinted {printed}"
    );
    Game::parse(line.as_bytes()).unwrap()
}

#[track_caller]
fn assert_typed(event_type: &str, payload: &str) {
    let event = assert_comes_back(event_type, payload);
    assert_eq!(event_name(&event), event_type, "{payload}");
}

#[track_caller]
fn assert_ill_typed(event_type: &str, payload: &str) {
    let event = assert_comes_back(event_type, payload);
    assert_eq!(event_name(&event), "game.ill_typed", "{payload}");
}

fn event_name(event: &GameEvent) -> &'static str {
    use ringlog::Event;
    event.event_type().name
}

#[test]
fn typed_events_come_back_in_the_order_of_the_format() {
    for (event_type, payload) in [
        (
            "player.kill",
            r#"{"victim_id":9,"weapon":"bow","location":{"x":1,"y":-2}}"#,
        ),
        (
            "item.pickup",
            r#"{"item_id":2003,"quantity":1,"source":"shop"}"#,
        ),
        (
            "player.levelup",
            r#"{"old_level":1,"new_level":2,"total_experience":323}"#,
        ),
        ("player.move", r#"{"x":561,"y":581.0,"speed":0.5}"#),
        (
            "player.attack",
            r#"{"target_id":44302337,"skill_id":1080829965}"#,
        ),
        ("chat.message", r#"{"text":"gg"}"#),
    ] {
        assert_typed(event_type, payload);
        let line = line(event_type, payload);
        assert_eq!(printed(&line), line);
    }
}

#[test]
fn unknown_payload_keys_are_kept_and_the_event_stays_typed() {
    assert_typed(
        "item.pickup",
        r#"{"quantity":1,"source":"shop","item_id":2003,"item_name":"item_2003","n":1e400}"#,
    );
    assert_typed(
        "player.kill",
        r#"{"a":null,"victim_id":9,"weapon":"b\"ow","location":{"x":1,"y":2,"z":3},"assists":[3,{"b":[]}]}"#,
    );
    assert_typed(
        "chat.message",
        r#"{"text":"hi","player":2,"channel":"all"}"#,
    );
    // Parsers take the last of the two, so that both must come back and in order.
    assert_typed("chat.message", r#"{"text":"hi","to":2,"to":1}"#);
}

#[test]
fn unknown_envelope_keys_are_kept_and_the_event_stays_typed() {
    let line = r#"{"v":2,"event_type":"player.move","event_id":"e","timestamp":-5,"user_id":0,"correlation_id":"c","payload":{"x":1,"y":2,"speed":3,"dir":[1.0]},"trace":{"id":123456789012345678901234567890}}"#;
    assert_eq!(value(&printed(line)), value(line));
    assert_eq!(
        event_name(&Game::parse(line.as_bytes()).unwrap()),
        "player.move"
    );
}

#[test]
fn unknown_types_come_back_digit_for_digit() {
    for payload in [
        "{}",
        r#"{"unit":"MineralField","owner":0,"x":16,"y":12.0}"#,
        r#"{"big":123456789012345678901234567890,"e":1E+2,"small":-1e-999,"zero":-0}"#,
        r#"{"deep":[[[[{"a":[{}]}]]]],"same":1,"same":2,"":""}"#,
        r#"{"\u0061\ud83d\ude00":"\u0000\/\b"}"#,
    ] {
        let event = assert_comes_back("lol.ward_placed", payload);
        assert_eq!(event_name(&event), "game.unknown");
        let line = line("lol.ward_placed", payload);
        assert_eq!(printed(&line), line);
    }
    assert_comes_back("game.unknown", "{}");
    assert_comes_back("", "{}");
}

#[test]
fn numbers_come_back_digit_for_digit() {
    for number in [
        "0",
        "-1",
        "18446744073709551615",
        "-9223372036854775808",
        "18446744073709551616",
        "-9223372036854775809",
        "0.0",
        "-0.0",
        "-0",
        "561.0",
        "1.50",
        "1e3",
        "1E3",
        "1e+3",
        "0.1000000000000000055511151231257827",
        "19.322998046875",
        "5e-324",
        "1e-400",
        "1.7976931348623157e308",
        "123456789012345678.5",
        "0.30000000000000004",
    ] {
        assert_typed(
            "player.move",
            &format!(r#"{{"x":{number},"y":{number},"speed":{number}}}"#),
        );
        assert_typed(
            "player.kill",
            &format!(r#"{{"victim_id":1,"weapon":"","location":{{"x":0,"y":{number}}}}}"#),
        );
    }
    assert_ill_typed("player.move", r#"{"x":1e999,"y":0,"speed":0}"#);
}

#[test]
fn text_comes_back_character_for_character() {
    for text in [
        "",
        "gg",
        "exactly8",
        "nine char",
        "thirty bytes of text, not more",
        "höchst unüblich 😀",
        r#"\"\\\/\b\f\n\r\t"#,
        r"\u0000\u001f\u2028",
        r"\ud83d\ude00",
    ] {
        assert_typed("chat.message", &format!(r#"{{"text":"{text}"}}"#));
        assert_typed(
            "chat.message",
            &format!(r#"{{"t\u0065xt":"{text}","{text}!":"{text}"}}"#),
        );
        assert_comes_back(
            &format!("type {text}"),
            &format!(r#"{{"{text}":"{text}"}}"#),
        );
    }
    assert_typed(
        "chat.message",
        &format!(r#"{{"text":"{}"}}"#, "é".repeat(70_000)),
    );
}

#[test]
fn half_a_surrogate_pair_is_kept_as_it_came() {
    for (event_type, payload) in [
        ("lol.x", r#"{"\ud800":"\udc00"}"#),
        ("chat.message", r#"{"text":"\ud83d"}"#),
        ("chat.message", r#"{"text":"gg","\ud83d":"\ud83d"}"#),
    ] {
        let line = line(event_type, payload);
        assert_eq!(printed(&line), line);
    }
}

#[test]
fn known_types_with_a_payload_that_does_not_fit_are_kept_as_they_came() {
    for (event_type, payload) in [
        ("player.kill", "{}"),
        (
            "player.kill",
            r#"{"victim_id":-1,"weapon":"bow","location":{"x":1,"y":2}}"#,
        ),
        (
            "player.kill",
            r#"{"victim_id":4294967296,"weapon":"bow","location":{"x":1,"y":2}}"#,
        ),
        (
            "player.kill",
            r#"{"victim_id":1.0,"weapon":"bow","location":{"x":1,"y":2}}"#,
        ),
        (
            "player.kill",
            r#"{"victim_id":1,"weapon":null,"location":{"x":1,"y":2}}"#,
        ),
        (
            "player.kill",
            r#"{"victim_id":1,"weapon":"bow","location":[1,2]}"#,
        ),
        (
            "player.kill",
            r#"{"victim_id":1,"weapon":"bow","location":{"x":1}}"#,
        ),
        (
            "player.kill",
            r#"{"victim_id":1,"weapon":"bow","location":{"x":1,"y":2,"\u0078":3}}"#,
        ),
        (
            "item.pickup",
            r#"{"item_id":"2003","quantity":1,"source":"shop"}"#,
        ),
        (
            "player.levelup",
            r#"{"old_level":1,"new_level":true,"total_experience":1e3}"#,
        ),
        ("player.move", r#"{"x":"1","y":2,"speed":3}"#),
        ("player.attack", r#"{"target_id":1}"#),
        ("chat.message", r#"{"text":{"text":"gg"}}"#),
        ("chat.message", r#"{"text":["gg"],"text2":"gg"}"#),
    ] {
        assert_ill_typed(event_type, payload);
    }
    // The strict comparison sees only one of the two: here the text itself must be the same.
    for payload in [
        r#"{"text":"a","text":"b"}"#,
        r#"{"text":"a","\u0074ext":"a"}"#,
    ] {
        let line = line("chat.message", payload);
        assert_eq!(printed(&line), line);
    }
}

#[test]
fn white_space_is_allowed_and_one_line_is_printed() {
    let line = " {\t\"event_type\" : \"x\",\r\n\"event_id\":\"e\",\"timestamp\":1,\"user_id\":2,\
        \"correlation_id\":\"c\",\"payload\":{\n \"a\" : [1,\n2]\r\n},\"more\":{\n}} \r";
    let printed = printed(line);
    assert_eq!(value(&printed), value(line));
    assert!(!printed.contains(['\n', '\r']), "{printed}");
}

#[test]
fn a_printed_line_is_printed_the_same_again() {
    let line = line("player.move", r#"{"n":1,"x":1.0,"y":2e0,"speed":3}"#);
    let once = printed(&line);
    assert_eq!(printed(&once), once);
}

#[test]
fn malformed_lines_are_refused_with_a_reason() {
    let good = line("x", "{}");
    let cases = [
        ("".to_owned(), "the line is not a JSON object"),
        ("[1]".to_owned(), "the line is not a JSON object"),
        ("null".to_owned(), "the line is not a JSON object"),
        ("{".to_owned(), "the line is not a JSON object"),
        (format!("{good}{good}"), "the line is not a JSON object"),
        (good.replace(":{}", ":{]"), "the line is not a JSON object"),
        (
            good.replace(":{}", ":{\"a\":01}"),
            "the line is not a JSON object",
        ),
        (good.replace("e-1", "e\t1"), "the line is not a JSON object"),
        (
            good.replace("event_type", "type"),
            "`event_type` is missing",
        ),
        (good.replace("event_id", "id"), "`event_id` is missing"),
        (good.replace("timestamp", "time"), "`timestamp` is missing"),
        (good.replace("user_id", "user"), "`user_id` is missing"),
        (
            good.replace("correlation_id", "match"),
            "`correlation_id` is missing",
        ),
        (good.replace("payload", "body"), "`payload` is missing"),
        (good.replace("\"x\"", "1"), "`event_type` is not a string"),
        (
            good.replace("\"e-1\"", "null"),
            "`event_id` is not a string",
        ),
        (
            good.replace("e-1", r"\udfff"),
            "`event_id` is not Unicode text",
        ),
        (
            good.replace("\"match\"", "{}"),
            "`correlation_id` is not a string",
        ),
        (
            good.replace("1434393428244", "1.0"),
            "`timestamp` is not an integer of 64 bits",
        ),
        (
            good.replace("1434393428244", "9223372036854775808"),
            "`timestamp` is not an integer",
        ),
        (
            good.replace("1434393428244", "\"1\""),
            "`timestamp` is not an integer",
        ),
        (
            good.replace(":7", ":-7"),
            "`user_id` is not an integer of 32 bits",
        ),
        (
            good.replace(":7", ":4294967296"),
            "`user_id` is not an integer of 32 bits",
        ),
        (
            good.replace(":7", ":7.0"),
            "`user_id` is not an integer of 32 bits",
        ),
        (good.replace("{}", "[]"), "`payload` is not an object"),
        (good.replace("{}", "null"), "`payload` is not an object"),
        (
            good.replace(":7,", ":7,\"user_id\":7,"),
            "`user_id` is there twice",
        ),
        (
            good.replace(":7,", ":7,\"user\\u005fid\":7,"),
            "`user_id` is there twice",
        ),
        (
            good.replace(":7,", ":7,\"a\":1,\"b\":2,\"\\u0061\":3,"),
            "have the same key",
        ),
    ];
    for (line, expected) in cases {
        let reason = Game::parse(line.as_bytes()).expect_err(&line);
        assert!(reason.contains(expected), "{reason:?} for {line}");
    }
    let mut bytes = good.into_bytes();
    bytes[20] = 0xff;
    let reason = Game::parse(&bytes).unwrap_err();
    assert_eq!(reason, "the line is not UTF-8 from byte 20 on");
}

#[test]
fn depth_without_end_is_no_danger() {
    let depth = 50_000;
    let payload = format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    for event_type in ["x", "chat.message"] {
        let line = line(event_type, &payload);
        assert_eq!(printed(&line), line);
    }
}

/// Any JSON string literal.
fn string() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        1 => "[a-z]{0,40}".prop_map(|text| format!("\"{text}\"")),
        1 => any::<String>().prop_map(|text| {
            let escaped: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            format!("\"{escaped}\"")
        }),
    ]
}

/// Any JSON number literal.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i16>().prop_map(|number| number.to_string()),
        any::<u64>().prop_map(|number| number.to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>()
            .prop_filter("JSON has no such number", |number| number.is_finite())
            .prop_map(|number| serde_json::to_string(&number).unwrap()),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,30})?([eE][-+]?[0-9]{1,3})?",
    ]
}

/// Any JSON value.
fn any_value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        number(),
        string(),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((string(), inner), 0..4).prop_map(|members| object(&members)),
        ]
    })
}

fn object(members: &[(String, String)]) -> String {
    let members: Vec<_> = members
        .iter()
        .map(|(key, value)| format!("{key}:{value}"))
        .collect();
    format!("{{{}}}", members.join(" , "))
}

/// A payload that has the known keys of some type, mostly of the right type, and others.
fn payload() -> impl Strategy<Value = (String, String)> {
    let id = prop_oneof![any::<u32>().prop_map(|id| id.to_string()), number()];
    let known = prop_oneof![
        (id.clone(), string(), number(), number()).prop_map(|(id, weapon, x, y)| (
            "player.kill",
            vec![
                ("victim_id", id),
                ("weapon", weapon),
                ("location", format!(r#"{{"y":{y},"x":{x}}}"#))
            ]
        )),
        (id.clone(), id.clone(), string()).prop_map(|(item, quantity, source)| (
            "item.pickup",
            vec![
                ("item_id", item),
                ("quantity", quantity),
                ("source", source)
            ]
        )),
        (id.clone(), id.clone(), id.clone()).prop_map(|(old, new, total)| (
            "player.levelup",
            vec![
                ("old_level", old),
                ("new_level", new),
                ("total_experience", total)
            ]
        )),
        (number(), number(), any_value())
            .prop_map(|(x, y, speed)| ("player.move", vec![("x", x), ("y", y), ("speed", speed)])),
        (id.clone(), id).prop_map(|(target, skill)| (
            "player.attack",
            vec![("target_id", target), ("skill_id", skill)]
        )),
        string().prop_map(|text| ("chat.message", vec![("text", text)])),
        Just(("something.else", Vec::new())),
    ];
    let others = prop::collection::vec((string(), any_value()), 0..3);
    (known, others).prop_flat_map(|((event_type, known), others)| {
        let known = known
            .into_iter()
            .map(|(key, value)| (format!("\"{key}\""), value));
        let members: Vec<_> = known.chain(others).collect();
        (Just(event_type.to_owned()), Just(members).prop_shuffle())
            .prop_map(|(event_type, members)| (event_type, object(&members)))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_line_comes_back_equal(
        (event_type, payload) in payload(),
        event_id in string(),
        correlation_id in string(),
        timestamp in any::<i64>(),
        user_id in any::<u32>(),
        other in prop::option::of(any_value()),
    ) {
        let mut line = format!(
            r#"{{"payload":{payload},"correlation_id":{correlation_id},"user_id":{user_id},"event_type":"{event_type}","timestamp":{timestamp},"event_id":{event_id}"#
        );
        if let Some(other) = other {
            line.push_str(&format!(",\"other\":{other}"));
        }
        line.push('}');
        let printed = printed(&line);
        prop_assert_eq!(value(&printed), value(&line), "{} for {}", printed, line);
    }

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Game::parse(&bytes);
    }

    #[test]
    fn no_archive_bytes_make_the_view_panic(
        kind in 0_u16..10,
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        use ringlog::Event;
        let mut aligned = ringlog::rkyv::util::AlignedVec::<16>::new();
        aligned.extend_from_slice(&bytes);
        let _ = GameEvent::view(kind, 1, &aligned);
    }
}
