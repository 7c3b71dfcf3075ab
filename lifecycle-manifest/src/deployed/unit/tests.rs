use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn what_is_quoted_is_read_back_as_the_same(text in "[^\0]*") {
        for expands in [Expands::Specifiers, Expands::Variables] {
            let read = words(&quote(&text, expands), expands);
            prop_assert_eq!(read, Some(vec![text.clone()]));
        }
    }

    #[test]
    fn so_is_a_command(program in "/[^\0]*", arguments in prop::collection::vec("[^\0]*", 0..4)) {
        let given = std::iter::once(&program).chain(&arguments).map(String::as_str);
        let line = command_line(given);
        prop_assert!(!line.contains(['\n', '\r']));
        let read = commands(&line).map(|it| it.into_iter().map(|it| it.words).collect::<Vec<_>>());
        let mut wanted = vec![program];
        wanted.extend(arguments);
        prop_assert_eq!(read, Some(vec![wanted]));
    }
}

fn of(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn words_are_split_and_unquoted_as_systemd_does() {
    for (value, expected) in [
        ("a  b\tc", Some(of(&["a", "b", "c"]))),
        ("\"a b\" 'c d'", Some(of(&["a b", "c d"]))),
        ("\"\" ''", Some(of(&["", ""]))),
        ("x=\"a b\"c", Some(of(&["x=a bc"]))),
        (r#""a\"b" 'it\'s'"#, Some(of(&["a\"b", "it's"]))),
        (r"\x41\102\u00e9\U0001f6d2\s\n", Some(of(&["ABé🛒 \n"]))),
        (r"\a\b\f\v", Some(of(&["\u{7}\u{8}\u{c}\u{b}"]))),
        (r"\xc3\xa9", Some(of(&["é"]))),
        // Between commands alone is a semicolon anything.
        (r"a ; b \;", Some(of(&["a", ";", "b", r"\;"]))),
        (r"\q \x0 \u00", Some(of(&[r"\q", r"\x0", r"\u00"]))),
        (r"a\ b", Some(of(&[r"a\ b"]))),
        (
            "100%% $$HOME $HOME %n",
            Some(of(&["100%", "$HOME", "$HOME", "%n"])),
        ),
        ("", Some(of(&[]))),
        ("\"open", None),
        ("it's", None),
        ("end\\", Some(of(&["end\\"]))),
    ] {
        assert_eq!(words(value, Expands::Variables), expected, "{value}");
    }
    assert_eq!(words("$$ %%", Expands::Specifiers), Some(of(&["$$", "%"])));
}

#[test]
fn commands_have_prefixes_and_semicolons_between_them() {
    let command = |words: &[&str], may_fail| Command {
        words: of(words),
        may_fail,
        is_computed: false,
    };
    for (value, expected) in [
        ("/bin/a b", vec![command(&["/bin/a", "b"], false)]),
        ("-/bin/a", vec![command(&["/bin/a"], true)]),
        ("-@/bin/a name b", vec![command(&["/bin/a", "b"], true)]),
        (":/bin/a $$x", vec![command(&["/bin/a", "$$x"], false)]),
        ("!!/bin/a $$x", vec![command(&["/bin/a", "$x"], false)]),
        (
            "/bin/a ; /bin/b \\; \";\"",
            vec![
                command(&["/bin/a"], false),
                command(&["/bin/b", ";", ";"], false),
            ],
        ),
        ("", vec![]),
    ] {
        assert_eq!(commands(value), Some(expected), "{value}");
    }
    assert_eq!(commands("/bin/a \"b"), None);
    for (value, expected) in [
        ("/bin/a 100%% $$x", false),
        ("/bin/a %n", true),
        ("/bin/%p", true),
        ("/bin/a $MAINPID", true),
        (":/bin/a $x", false),
    ] {
        let computed = commands(value).map(|it| it[0].is_computed);
        assert_eq!(computed, Some(expected), "{value}");
    }
}

#[test]
fn time_spans_are_read_as_systemd_reads_them() {
    let ms = |millis| Some(TimeSpan::Finite(Duration::from_millis(millis)));
    for (text, expected) in [
        ("90", ms(90_000)),
        ("45s", ms(45_000)),
        ("1min 30s", ms(90_000)),
        ("1min30s", ms(90_000)),
        ("1m", ms(60_000)),
        ("1.5s", ms(1_500)),
        ("0.25", ms(250)),
        ("250ms", ms(250)),
        ("2 h", ms(7_200_000)),
        ("0", ms(0)),
        ("1 2", ms(3_000)),
        ("infinity", Some(TimeSpan::Infinite)),
        ("", None),
        ("s", None),
        ("-1", None),
        ("5 parsecs", None),
        (".5", None),
        ("99999999999999999999", None),
    ] {
        assert_eq!(time_span(text), expected, "{text:?}");
    }
}

#[test]
fn what_is_shown_is_read_as_the_same() {
    for millis in [0, 1, 250, 999, 1_000, 1_001, 60_000, 90_500, 604_800_000] {
        let duration = Duration::from_millis(millis);
        let read = time_span(&show_time_span(duration));
        assert_eq!(read, Some(TimeSpan::Finite(duration)), "{millis}");
    }
}

#[test]
fn what_no_unit_file_may_hold_is_written_as_its_bytes() {
    for (text, quoted) in [
        ("ab", r#""ab""#),
        ("\u{1}\u{7f}", r#""\x01\x7f""#),
        ("\u{fdd0}", r#""\xef\xb7\x90""#),
        ("\u{fffd}\u{fffe}", "\"\u{fffd}\\xef\\xbf\\xbe\""),
        ("\u{1ffff}", r#""\xf0\x9f\xbf\xbf""#),
    ] {
        assert_eq!(quote(text, Expands::Variables), quoted, "{text:?}");
    }
}

#[test]
fn a_single_value_stays_on_its_line() {
    for (text, written) in [
        ("The shop", "The shop"),
        (" 100%\n$HOME\t", "100%% $HOME"),
        ("C:\\", "C:\\ ."),
    ] {
        assert_eq!(value(text), written, "{text:?}");
    }
}

#[test]
fn only_words_that_need_quotes_have_them() {
    let line = command_line(["/bin/a", "--b=c", "", "d e", "f"]);
    assert_eq!(line, r#"/bin/a --b=c "" "d e" f"#);
}
