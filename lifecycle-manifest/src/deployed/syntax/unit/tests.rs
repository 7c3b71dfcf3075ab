use super::*;
use crate::text::Route;

/// Every assignment as `SECTION.KEY=VALUE`, and the bytes that the value is said to be.
fn read_all(text: &str) -> (Vec<Vec<(String, String)>>, Vec<String>) {
    let (document, errors) = read(text);
    let Value::Sequence(units) = &document.root.value else {
        panic!("no sequence");
    };
    let mut read = Vec::new();
    for unit in units {
        let mut assigned = Vec::new();
        let mut add = |name: String, node: &Node| {
            let Value::Scalar { text, .. } = &node.value else {
                panic!("{name} is no text");
            };
            let place = document.source.slice(node.span).to_owned();
            assigned.push((format!("{name}={text}"), place));
        };
        let Value::Mapping(entries) = &unit.value else {
            panic!("no unit");
        };
        for entry in entries {
            match &entry.value.value {
                Value::Mapping(keys) => {
                    for key in keys {
                        let Value::Sequence(values) = &key.value.value else {
                            panic!("no list");
                        };
                        for value in values {
                            add(format!("{}.{}", entry.key, key.key), value);
                        }
                    }
                }
                _ => add(entry.key.clone(), &entry.value),
            }
        }
        read.push(assigned);
    }
    let errors = errors.iter().map(|it| match &it.kind {
        SyntaxErrorKind::Unsupported(what, _) => {
            format!("{}: {what}", document.source.slice(it.span))
        }
        other => format!("{other:?}"),
    });
    let errors = errors.collect();
    (read, errors)
}

fn names(text: &str) -> Vec<String> {
    let (units, errors) = read_all(text);
    assert!(errors.is_empty(), "{errors:?}");
    units.into_iter().flatten().map(|(name, _)| name).collect()
}

#[test]
fn sections_keys_comments_and_line_ends_are_read_as_systemd_reads_them() {
    for text in [
        "[Service]\nTimeoutStopSec=45s\nKillMode=mixed\n",
        "\u{feff}# x\r\n\r\n[Service]\r\nTimeoutStopSec=45s\r\n; y\r\nKillMode=mixed",
        "  [Service]  \n\tTimeoutStopSec =  45s  \nKillMode= mixed\n[Unit]\n",
        "[Service]\rTimeoutStopSec=45s\rKillMode=mixed\r",
        "[Service]\nTimeoutStopSec=45s\n[Service]\nKillMode=mixed\n",
    ] {
        assert_eq!(
            names(text),
            ["Service.TimeoutStopSec=45s", "Service.KillMode=mixed"],
            "{text:?}"
        );
    }
}

#[test]
fn a_key_keeps_every_assignment_an_empty_one_too() {
    let text = "[Service]\nExecStop=a\nUser=x\nExecStop=\nExecStop=b=c\n";
    let wanted = [
        "Service.ExecStop=a",
        "Service.ExecStop=",
        "Service.ExecStop=b=c",
        "Service.User=x",
    ];
    assert_eq!(names(text), wanted);
}

#[test]
fn continued_lines_are_one_and_comments_within_them_none() {
    let text = "[Service]\nExecStart=/a \\\n  # no\n; nor this\n  b \\\n  c\nUser=x\n";
    let (units, errors) = read_all(text);
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(units[0][0].0, "Service.ExecStart=/a  b  c");
    assert_eq!(units[0][0].1, "/a \\\n  # no\n; nor this\n  b \\\n  c");
    assert_eq!(units[0][1].0, "Service.User=x");
    // Two backslashes are none, and three are one.
    let text = "[Service]\nExecStart=/a \\\\\nUser=x\n";
    assert_eq!(names(text), ["Service.ExecStart=/a \\\\", "Service.User=x"]);
    assert_eq!(names("[Unit]\nA=b \\\\\\\nC=d"), ["Unit.A=b \\\\ C=d"]);
    // An empty line ends what is continued, and so does the end of the file.
    assert_eq!(names("[Unit]\nA=b \\\n\nC=d"), ["Unit.A=b", "Unit.C=d"]);
    assert_eq!(names("[Unit]\nA=b \\"), ["Unit.A=b"]);
}

#[test]
fn places_are_those_of_the_text() {
    let text = "[Service]\r\nDescription = ü = x \r\nExecStart=/a \\\r\n   b\r\nX=\n";
    let (units, _) = read_all(text);
    let places: Vec<&str> = units[0].iter().map(|(_, place)| place.as_str()).collect();
    assert_eq!(places, ["ü = x", "/a \\\r\n   b", ""]);
    let (document, _) = read(text);
    let route = Route::root().index(0).key("Service");
    let span = document.value_span(&route);
    assert_eq!(document.source.slice(span), "[Service]");
    let key = document.key_span(&route.key("ExecStart"));
    assert_eq!(document.source.slice(key), "ExecStart");
}

#[test]
fn what_systemd_passes_over_is_said() {
    let text = "A=1\n[Service]\nTimeoutStopSec 45\nKillMode=mixed\n[Unit\nB=2\n[Install]\nC=3\n";
    let (units, errors) = read_all(text);
    let read: Vec<&str> = units[0].iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(read, ["Service.KillMode=mixed", "Install.C=3"]);
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(errors[0].starts_with("TimeoutStopSec 45: a line without"));
    assert!(errors[1].starts_with("[Unit: a section's name"));
    assert!(errors[2].starts_with("A: an assignment above"));
}

#[test]
fn files_of_other_kinds_hold_nothing() {
    for text in [
        "",
        "server {\n  listen 80;\n}\n",
        "[mysqld]\nport = 1\n",
        "a: 1\n",
    ] {
        assert_eq!(read_all(text), (vec![], vec![]), "{text:?}");
    }
}

#[test]
fn a_unit_and_its_drop_ins_are_one_and_two_units_are_two() {
    let text = "\
# /etc/systemd/system/shop.service
[Service]
TimeoutStopSec=45s

# /run/systemd/system/service.d/10-all.conf
[Service]
Environment=A=1
# /etc/systemd/system/shop.service.d/override.conf
[Service]
TimeoutStopSec=60s

# /etc/systemd/system/cart@.service
[Service]
User=cart
# /etc/systemd/system/cart@.service.d/x.conf
[Service]
User=x
";
    let (units, errors) = read_all(text);
    assert!(errors.is_empty(), "{errors:?}");
    let names: Vec<Vec<&str>> = units
        .iter()
        .map(|unit| unit.iter().map(|(name, _)| name.as_str()).collect())
        .collect();
    assert_eq!(
        names,
        [
            vec![
                "Id=/etc/systemd/system/shop.service",
                "Service.TimeoutStopSec=45s",
                "Service.TimeoutStopSec=60s",
                "Service.Environment=A=1",
            ],
            vec![
                "Id=/etc/systemd/system/cart@.service",
                "Service.User=cart",
                "Service.User=x"
            ],
        ]
    );
    let paths: Vec<&str> = units.iter().map(|unit| unit[0].1.as_str()).collect();
    assert_eq!(
        paths,
        [
            "/etc/systemd/system/shop.service",
            "/etc/systemd/system/cart@.service"
        ]
    );
}

#[test]
fn only_a_path_in_a_comment_begins_a_unit() {
    let text = "\
# /etc/systemd/system/shop.service

[Service]
User=x
# /etc/shop/config.toml
# shop.service
Type=notify
";
    let read = names(text);
    assert_eq!(
        read,
        [
            "Id=/etc/systemd/system/shop.service",
            "Service.User=x",
            "Service.Type=notify"
        ]
    );
    assert_eq!(read_all(text).0.len(), 1);
    // Below a path nothing is a property of `systemctl show`.
    let text = "# /a/shop.service\nA=1\n# /a/cart.service\n[Service]\nUser=x\n";
    let (units, errors) = read_all(text);
    assert_eq!((units[0].len(), units[1].len()), (1, 2));
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].starts_with("A: an assignment above"));
}

#[test]
fn odd_bytes_and_lengths_are_read_or_told() {
    let text = "[Service]\nUser=x\0KillMode=mixed\n";
    assert_eq!(names(text), ["Service.User=x", "Service.KillMode=mixed"]);
    let text = "[Service]\n=x\nUser=y\n";
    assert!(names(text).contains(&"Service.User=y".to_owned()));

    let faults = "[Service]\n".to_owned() + &"x\n".repeat(MOST_FAULTS + 5);
    assert_eq!(read_all(&faults).1.len(), MOST_FAULTS);

    for (more, told) in [(0, 0), (1, 1)] {
        let value = "x".repeat(LONGEST_LINE - "A=".len() + more);
        let (units, errors) = read_all(&format!("[Unit]\nA={value}\nB=y\n"));
        assert_eq!((units[0].len(), errors.len()), (2 - told, told));
    }

    let (units, errors) = read_all(&" ".repeat(Limits::of_a_stream().bytes + 1));
    assert!(units.is_empty() && errors.len() == 1, "{errors:?}");
}

#[test]
fn properties_of_systemctl_show_are_read_a_block_a_unit() {
    let text = "Type=notify\nTimeoutStopUSec=1min 30s\nId=shop.service\n\nId=cart.service\nUser=\n";
    assert_eq!(
        read_all(text).0.len(),
        2,
        "an empty line stands between two units"
    );
    assert_eq!(
        names(text),
        [
            "Type=notify",
            "TimeoutStopUSec=1min 30s",
            "Id=shop.service",
            "Id=cart.service",
            "User="
        ]
    );
}

#[test]
fn a_drop_in_tells_by_its_folder_what_it_amends() {
    for (path, unit) in [
        (
            "/etc/systemd/system/shop.service.d/10.conf",
            Some("shop.service"),
        ),
        ("deploy/shop.service.d/lifecycle.conf", Some("shop.service")),
        ("shop.socket.d/x.conf", Some("shop.socket")),
        ("/etc/systemd/system/service.d/x.conf", Some("service")),
        ("shop.service.d/readme.txt", None),
        ("nginx.conf", None),
        ("conf.d/x.conf", None),
    ] {
        assert_eq!(amended(path), unit, "{path}");
    }
    for (drop_in, unit, holds) in [
        ("shop.service", "shop.service", true),
        ("service", "shop.service", true),
        ("service", "shop.socket", false),
        ("shop@.service", "shop@1.service", true),
        ("shop-.service", "shop-eu.service", true),
        ("shop-.service", "shop.service", false),
        ("shop.service", "cart.service", false),
    ] {
        assert_eq!(may_amend(drop_in, unit), holds, "{drop_in} {unit}");
    }
}
