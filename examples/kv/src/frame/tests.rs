use super::*;
use proptest::prelude::*;

const MAX_BULK: usize = 1000;

/// The commands of a client, and the error that ended them.
type Parsed = (Vec<Command>, Option<ProtocolError>);

/// Parses pieces as a connection does.
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
                    assert_eq!(
                        parser.next(&mut input).as_ref(),
                        Err(&e),
                        "the same error again"
                    );
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

fn accepts(input: &str, wanted: &[&[&str]]) {
    assert_eq!(parse(input.as_bytes()), (commands(wanted), None));
}

fn rejects(input: &str, why: &str) {
    let (_, error) = parse(input.as_bytes());
    assert_eq!(error.expect(input).to_string(), why);
}

#[test]
fn arrays_of_bulk_strings() {
    accepts("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", &[&["GET", "k"]]);
    accepts("*1\r\n$0\r\n\r\n", &[&[""]]);
    accepts("*1\r\n$4\r\n\r\n\r\n\r\n", &[&["\r\n\r\n"]]);
    accepts("*0\r\n*-1\r\n*1\r\n$1\r\na\r\n", &[&["a"]]);
    accepts("*2\r\n$3\r\nGET\r\n$1\r\n", &[]);
}

#[test]
fn inline_commands() {
    accepts("PING\r\n", &[&["PING"]]);
    accepts("\r\n\n  \r\n set  k\tv \n", &[&["set", "k", "v"]]);
    accepts("PING", &[]);
    accepts(
        "set \"a b\" '\\'c' \"\\x41\\n\\q\" ''\n",
        &[&["set", "a b", "'c", "A\nq", ""]],
    );
    accepts("a\n*1\r\n$1\r\nb\r\nc\n", &[&["a"], &["b"], &["c"]]);
}

#[test]
fn protocol_errors() {
    rejects("*x\r\n", "invalid multibulk length");
    rejects("*\r\n", "invalid multibulk length");
    rejects("*+1\r\n", "invalid multibulk length");
    rejects("*1048577\r\n", "invalid multibulk length");
    rejects("*99999999999999999999\r\n", "invalid multibulk length");
    rejects("*1\r\nGET\r\n", "expected '$', got 'G'");
    rejects("*1\r\n$-1\r\n", "invalid bulk length");
    rejects("*1\r\n$1001\r\n", "invalid bulk length");
    rejects("*1\r\n$9223372036854775807\r\n", "invalid bulk length");
    rejects("*1\r\n$1\r\nabc", "expected '\r', got 'b'");
    rejects("get \"k\n", "unbalanced quotes in request");
    rejects("get \"k\"v\n", "unbalanced quotes in request");
    let arg = format!("$1000\r\n{}\r\n", "a".repeat(1000));
    rejects(&format!("*3\r\n{arg}{arg}$1\r\n"), "too big command");
    let long = "1".repeat(LONGEST_LINE);
    rejects(&long, "too big inline request");
    rejects(&format!("*{long}"), "too big mbulk count string");
    rejects(&format!("*1\r\n${long}"), "too big bulk count string");
}

/// Commands before an error are returned.
#[test]
fn commands_before_an_error() {
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
    // A vector that grows has at most twice the capacity that it needs, or a small one.
    let most = 2 * bytes.len() + 8;
    assert!(args().all(|arg| arg.0.capacity() <= most));
    assert!(commands.iter().all(|command| command.capacity() <= most));
}

/// Bytes, those with a meaning more often than others.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        any::<u8>(),
        prop::sample::select(&b"*$0123-\r\n\"'\\x "[..])
    ]
}

proptest! {
    #[test]
    fn any_split(
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
