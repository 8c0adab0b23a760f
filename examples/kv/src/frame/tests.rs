use super::*;
use proptest::prelude::*;

const MAX_BULK: usize = 1000;

/// All that a client sent, and how it ended.
type Parsed = (Vec<Command>, Option<ProtocolError>);

/// Parses what arrives in pieces, as a connection does.
fn parse_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Parsed {
    let mut parser = Parser::new(MAX_BULK);
    let (mut commands, mut buffer) = (Vec::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        let mut input = &buffer[..];
        loop {
            match parser.next(&mut input) {
                Ok(Some(command)) => commands.push(command),
                Ok(None) => break,
                Err(e) => {
                    assert_eq!(parser.next(&mut input).as_ref(), Err(&e), "it stays broken");
                    return (commands, Some(e));
                }
            }
        }
        buffer = input.to_vec();
    }
    (commands, None)
}

fn parse(input: &[u8]) -> Parsed {
    parse_pieces([input])
}

fn commands(list: &[&[&str]]) -> Vec<Command> {
    let bytes = |arg: &&str| Bytes(arg.as_bytes().to_vec());
    list.iter()
        .map(|command| command.iter().map(bytes).collect())
        .collect()
}

fn understands(input: &str, wanted: &[&[&str]]) {
    assert_eq!(parse(input.as_bytes()), (commands(wanted), None));
}

fn refuses(input: &str, why: &str) {
    let (_, error) = parse(input.as_bytes());
    assert_eq!(error.expect(input).to_string(), why);
}

#[test]
fn arrays_of_bulk_strings() {
    understands("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", &[&["GET", "k"]]);
    understands("*1\r\n$0\r\n\r\n", &[&[""]]);
    understands("*1\r\n$4\r\n\r\n\r\n\r\n", &[&["\r\n\r\n"]]);
    understands("*0\r\n*-1\r\n*1\r\n$1\r\na\r\n", &[&["a"]]);
    understands("*2\r\n$3\r\nGET\r\n$1\r\n", &[]);
}

#[test]
fn inline_commands() {
    understands("PING\r\n", &[&["PING"]]);
    understands("\r\n\n  \r\n set  k\tv \n", &[&["set", "k", "v"]]);
    understands("PING", &[]);
    understands(
        "set \"a b\" '\\'c' \"\\x41\\n\\q\" ''\n",
        &[&["set", "a b", "'c", "A\nq", ""]],
    );
    understands("a\n*1\r\n$1\r\nb\r\nc\n", &[&["a"], &["b"], &["c"]]);
}

#[test]
fn what_is_no_command() {
    refuses("*x\r\n", "invalid multibulk length");
    refuses("*\r\n", "invalid multibulk length");
    refuses("*+1\r\n", "invalid multibulk length");
    refuses("*1048577\r\n", "invalid multibulk length");
    refuses("*99999999999999999999\r\n", "invalid multibulk length");
    refuses("*1\r\nGET\r\n", "expected '$', got 'G'");
    refuses("*1\r\n$-1\r\n", "invalid bulk length");
    refuses("*1\r\n$1001\r\n", "invalid bulk length");
    refuses("*1\r\n$9223372036854775807\r\n", "invalid bulk length");
    refuses("*1\r\n$1\r\nabc", "expected '\r', got 'b'");
    refuses("get \"k\n", "unbalanced quotes in request");
    refuses("get \"k\"v\n", "unbalanced quotes in request");
    let arg = format!("$1000\r\n{}\r\n", "a".repeat(1000));
    refuses(&format!("*3\r\n{arg}{arg}$1\r\n"), "too big command");
    let long = "1".repeat(LONGEST_LINE);
    refuses(&long, "too big inline request");
    refuses(&format!("*{long}"), "too big mbulk count string");
    refuses(&format!("*1\r\n${long}"), "too big bulk count string");
}

/// What was sent before the mistake is done.
#[test]
fn commands_before_a_mistake() {
    let (before, error) = parse(b"a\nb\n*x\r\nc\n");
    assert_eq!(before, commands(&[&["a"], &["b"]]));
    assert!(error.is_some());
}

fn encode(command: &[Vec<u8>]) -> Vec<u8> {
    let mut frame = format!("*{}\r\n", command.len()).into_bytes();
    for arg in command {
        frame.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        frame.extend_from_slice(arg);
        frame.extend_from_slice(b"\r\n");
    }
    frame
}

fn any_commands() -> impl Strategy<Value = Vec<Vec<Vec<u8>>>> {
    let arg = prop::collection::vec(any::<u8>(), 0..40);
    let command = prop::collection::vec(arg, 1..6);
    prop::collection::vec(command, 0..8)
}

fn pieces<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort();
    cuts.windows(2).map(|w| &bytes[w[0]..w[1]]).collect()
}

fn is_within_bounds(bytes: &[u8], (commands, _): &Parsed) {
    let args = || commands.iter().flatten();
    assert!(args().map(|arg| arg.len()).sum::<usize>() <= bytes.len());
    // Vectors that grow have room for twice as much, or a little.
    let most = 2 * bytes.len() + 8;
    assert!(args().all(|arg| arg.0.capacity() <= most));
    assert!(commands.iter().all(|command| command.capacity() <= most));
}

/// Those that mean something, more often than others.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        any::<u8>(),
        prop::sample::select(&b"*$0123-\r\n\"'\\x "[..])
    ]
}

proptest! {
    #[test]
    fn however_it_is_split(
        sent in any_commands(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let bytes: Vec<u8> = sent.iter().flat_map(|command| encode(command)).collect();
        let sent: Vec<Command> =
            sent.into_iter().map(|command| command.into_iter().map(Bytes).collect()).collect();
        prop_assert_eq!(parse_pieces(pieces(&bytes, &cuts)), (sent, None));
    }

    #[test]
    fn mutated(
        sent in any_commands(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut bytes: Vec<u8> = sent.iter().flat_map(|command| encode(command)).collect();
        bytes.push(b'*');
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let parsed = parse(&bytes);
        is_within_bounds(&bytes, &parsed);
        prop_assert_eq!(parse_pieces(pieces(&bytes, &cuts)), parsed);
    }

    #[test]
    fn noise(bytes in prop::collection::vec(byte(), 0..200)) {
        is_within_bounds(&bytes, &parse(&bytes));
    }
}
