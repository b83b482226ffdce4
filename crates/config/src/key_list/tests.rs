//! Lists of keys: what is read, and for each the nearest that is not.

use proptest::prelude::*;

use super::*;

const HEX: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
/// The same digest, of `abc` (FIPS 180-4), in base64.
const BASE64: &str = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";

fn shown(text: &str) -> String {
    match read_key_list("keys.csv", text.as_bytes()) {
        Ok(keys) => keys.iter().map(one).collect::<Vec<_>>().join("\n"),
        Err(errors) => errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}

fn one(key: &ListedKey) -> String {
    let secret = match &key.key {
        ListedSecret::Clear(secret) => String::from_utf8(secret.expose().to_vec()).unwrap(),
        ListedSecret::Sha256(digest) => format!("#{:02x}{:02x}", digest[0], digest[31]),
    };
    let or = |text: Option<String>| text.unwrap_or_default();
    format!(
        "{} {} {secret} [{}] {} {} {}",
        key.line,
        key.name,
        key.scopes.join("|"),
        or(key.team.as_ref().map(ToString::to_string)),
        or(key.expires.clone()),
        or(key.app.as_ref().map(ToString::to_string)),
    )
}

#[test]
fn reads_csv_as_spreadsheets_write_it() {
    for (text, expected) in [
        ("name,key\na,ak_1\n", "2 a ak_1 []   "),
        ("name,key\r\na,ak_1\r\n\r\nb,ak_2", "2 a ak_1 []   \n4 b ak_2 []   "),
        ("\u{feff}Name, KEY\n a , ak_1 \n", "2 a ak_1 []   "),
        (
            "key,name,app,team,expires,scopes\nak_1,\"A, \"\"B\"\"\",web,partners,30d,orders:read; orders:GET /a;\n",
            "2 A, \"B\" ak_1 [orders:read|orders:GET /a] partners 30d web",
        ),
        (&format!("name,key\na,sha256:{HEX}\n"), "2 a #baad []   "),
        (&format!("name,key\na,sha256:{BASE64}\n"), "2 a #baad []   "),
        (&format!("name,key\na,sha256:{}\n", HEX.to_uppercase()), "2 a #baad []   "),
        (
            &format!("name,key\na,sha256:{}\n", BASE64.replace('+', "-").replace('/', "_").replace('=', "")),
            "2 a #baad []   ",
        ),
        ("name,key\n", ""),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
}

#[test]
fn reads_json_lines() {
    for (text, expected) in [
        ("{\"name\":\"a\",\"key\":\"ak_1\"}\n", "1 a ak_1 []   "),
        (
            "\n {\"key\":\"ak\\u005f1\",\"name\":\"a\",\"scopes\":[\"orders:read\"],\"app\":\"web\",\"team\":null,\"expires\":\"30d\"}",
            "2 a ak_1 [orders:read]  30d web",
        ),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
}

#[test]
fn refuses_a_line_with_its_number_and_without_the_key() {
    for (text, expected) in [
        ("", "keys.csv: the list is empty"),
        ("ak_secretsecret,a\n", "keys.csv:1:1: column 1 of the header line is none that is known"),
        ("name,key,name\n", "keys.csv:1:1: the header line names `name` twice"),
        ("name,team\n", "keys.csv:1:1: the header line lacks `name` or `key`"),
        ("name,key\na,ak_secretsecret,\n", "keys.csv:2:1: the line has 3 cells, the header line 2"),
        ("name,key\n\nak_secretsecret\n", "keys.csv:3:1: the line has 1 cells, the header line 2"),
        ("name,key\na,\n", "keys.csv:2:1: `key` is 1 to 1024"),
        ("name,key\n,ak_secretsecret\n", "keys.csv:2:1: `name` has 1 to 128"),
        ("name,key\na,\"ak_secretsecret\n", "keys.csv:2:1: a quote is not closed"),
        ("name,key\na,\"ak_secret\"secret\n", "keys.csv:2:1: something follows"),
        ("name,key\na,ak_\"secretsecret\n", "keys.csv:2:1: a quote stands within"),
        ("name,key\na,ak_secret secret\n", "keys.csv:2:1: `key` is 1 to 1024"),
        ("name,key\na,sha256:secretsecret\n", "keys.csv:2:1: what follows `sha256:`"),
        ("name,key\na,sha256:\n", "keys.csv:2:1: what follows `sha256:`"),
        ("name,key\na,ak_secret\tsecret\n", "keys.csv:2:1: the line is not UTF-8 without control"),
        ("name,key,team\na,ak_secretsecret,a team\n", "keys.csv:2:1: `team`: "),
        ("name,key,app\na,ak_secretsecret,orders:key-1\n", "keys.csv:2:1: `app`: "),
        ("{\"name\":\"a\"}\n", "keys.csv:1:1: the object has another form, column 12"),
        ("{\"name\":\"a\",\"key\":[\"ak_secretsecret\"]}", "keys.csv:1:1: the object has another form"),
        (
            "{\"name\":\"a\",\"key\":\"ak_secretsecret\",\"key\":\"b\"}",
            "keys.csv:1:1: the object has another form",
        ),
        ("{\"name\":\"a\",\"kee\":\"ak_secretsecret\"}", "keys.csv:1:1: the object has another form"),
        ("{\"name\":\"a\",\"key\":\"ak_secretsecret\"", "keys.csv:1:1: the object is not complete"),
        ("{name:ak_secretsecret}", "keys.csv:1:1: the line is not JSON"),
    ] {
        let found = shown(text);
        assert!(found.starts_with(expected), "{text} gave {found}");
        assert!(
            !found.contains("secret") || text.contains("sha256:") || expected.is_empty(),
            "{text} gave {found}"
        );
    }
}

#[test]
fn tells_every_line_that_does_not_parse() {
    let found = shown("name,key\na,ak_1\nb\nc,ak_3\nd\n");
    assert_eq!(found.lines().map(|line| line.split(':').nth(1)).collect::<Vec<_>>(), [Some("3"), Some("5")]);
}

#[test]
fn has_limits_that_are_told() {
    let long = format!("name,key\na,{}\n", "k".repeat(LINE_BYTES_MAX));
    assert!(shown(&long).contains("over 8192 bytes"), "{}", shown(&long));
    let longest = format!("name,key\na,{}\n", "k".repeat(CLEAR_BYTES_MAX));
    assert!(read_key_list("a", longest.as_bytes()).is_ok());
    let longer = format!("name,key\na,{}\n", "k".repeat(CLEAR_BYTES_MAX + 1));
    assert!(shown(&longer).contains("1 to 1024"));
    let mut many = "name,key\n".to_owned();
    for number in 0..LIST_KEYS_MAX {
        many.push_str(&format!("a,ak_{number}\n"));
    }
    assert_eq!(read_key_list("a", many.as_bytes()).unwrap().len(), LIST_KEYS_MAX);
    many.push_str("a,ak_last\n");
    assert!(shown(&many).contains("over 100000 keys"));
    assert!(read_key_list("a", &vec![b'\n'; LIST_BYTES_MAX + 1]).is_err());
}

#[test]
fn keys_are_not_printed() {
    let keys = read_key_list("a", b"name,key\na,ak_secretsecret\n").unwrap();
    assert!(!format!("{keys:?}").contains("secret"), "{keys:?}");
}

proptest! {
    #[test]
    fn cells_read_back(cells in proptest::collection::vec("[ -~]{0,20}", 2)) {
        let quoted: Vec<String> = cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
        let text = format!("name,key\n{}\n", quoted.join(","));
        if let Ok(keys) = read_key_list("a", text.as_bytes()) {
            let [key] = keys.as_slice() else { panic!("{keys:?}") };
            prop_assert_eq!(&key.name, cells[0].trim());
        }
    }
}
