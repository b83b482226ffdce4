//! Envoy's default text format, and Istio's, which has more words in the middle.
//!
//! `[time] "METHOD path protocol" status flags … received sent duration upstream-time "forwarded-for" "agent" "request-id"
//! "authority" "upstream"`.

use crate::exchange::Exchange;
use crate::fault::{Fault, FaultKind};
use crate::json::address;
use crate::scan::Cursor;
use crate::{target, time};

pub(crate) fn read<'a>(line: &'a str, host: &'a mut String) -> Result<Exchange<'a>, Fault> {
    let fault = |kind, at| move || Fault::new(kind, at);
    let mut cursor = Cursor::new(line.strip_prefix('[').ok_or_else(fault(FaultKind::Form, 0))?);
    let written = cursor.until("] \"").ok_or_else(fault(FaultKind::Form, 1))?;
    let moment = time::iso(written).ok_or_else(fault(FaultKind::Time, 1))?;
    let at = cursor.at() + 1;
    let request = cursor.until("\" ").ok_or_else(fault(FaultKind::Form, at))?;
    let (method, aimed) = target::request_line(request).map_err(|kind| Fault::new(kind, at))?;
    let at = cursor.at() + 1;
    let word = cursor.word().ok_or_else(fault(FaultKind::Status, at))?;
    // 0 stands for a connection that ended before there was an answer.
    let status = word.parse::<u16>().map_err(|_| Fault::new(FaultKind::Status, at))?;
    let [received, sent, duration] = counts(&mut cursor).ok_or_else(fault(FaultKind::Form, at))?;
    // The time that the upstream took, or a hyphen.
    cursor.word();
    let told = |text: Option<&'a str>| text.filter(|text| !matches!(*text, "-" | ""));
    let forwarded = told(cursor.plain_quoted());
    let agent = told(cursor.plain_quoted());
    cursor.plain_quoted();
    let authority = told(cursor.plain_quoted());
    // Istio names the peers behind the upstream: its cluster, our address there, our address here, and the client's.
    cursor.plain_quoted();
    let remote = told([0; 4].iter().map(|_| cursor.word()).last().flatten());
    Ok(Exchange {
        at: Some(moment),
        host: authority.or(aimed.host).and_then(|text| target::host(text, host)),
        method,
        path: aimed.path,
        query: aimed.query,
        status: Some(status).filter(target::is_status),
        bytes_in: Some(received),
        bytes_out: Some(sent),
        duration: duration.checked_mul(1_000),
        // The address at the front is the one that the others say they saw.
        client: forwarded
            .and_then(|list| list.split(',').next())
            .map(str::trim)
            .or_else(|| remote.map(address)),
        agent,
        ..Exchange::default()
    })
}

/// The first three numbers in a row, behind flags and Istio's details.
fn counts(cursor: &mut Cursor<'_>) -> Option<[u64; 3]> {
    let mut row = [None; 3];
    loop {
        if cursor.rest().trim_start_matches(' ').starts_with('"') {
            cursor.plain_quoted()?;
            row = [None; 3];
            continue;
        }
        let [_, second, third] = row;
        row = [second, third, cursor.word()?.parse().ok()];
        if let [Some(one), Some(two), Some(three)] = row {
            return Some([one, two, three]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_default_and_istios_form() {
        let want = Exchange {
            at: Some(1_460_751_420_310),
            host: Some("locations"),
            method: "POST",
            path: "/api/v1/locations",
            query: Some("a=b"),
            status: Some(204),
            bytes_in: Some(154),
            bytes_out: Some(0),
            duration: Some(226_000),
            client: Some("10.0.35.28"),
            agent: Some("nsq2http"),
            ..Exchange::default()
        };
        let front = "[2016-04-15T20:17:00.310Z] \"POST /api/v1/locations?a=b HTTP/2\" 204";
        let back = "154 0 226 100 \"10.0.35.28, 10.0.0.1\" \"nsq2http\" \"cc21d9b0\" \"locations\" \"tcp://10.0.2.1:80\"";
        for line in
            [format!("{front} - {back}"), format!("{front} - via_upstream - \"-\" {back} outbound|80||x - -")]
        {
            assert_eq!(read(&line, &mut String::new()), Ok(want), "{line}");
        }
        let istio = |peers: &str| {
            let back = back.replace("\"10.0.35.28, 10.0.0.1\"", "\"-\"");
            let line = format!("{front} - via_upstream - \"-\" {back} {peers}");
            read(&line, &mut String::new()).unwrap().client.map(str::to_owned)
        };
        let peers = "outbound|80||x 10.44.0.1:51000 10.0.2.1:8080 10.44.1.23:46520 - default";
        assert_eq!(istio(peers).as_deref(), Some("10.44.1.23"));
        assert_eq!(istio("outbound|80||x - - - - -"), None);
        assert_eq!(istio(""), None);
        let unanswered = format!("{} - {back}", front.replace("204", "0"));
        assert_eq!(read(&unanswered, &mut String::new()).unwrap().status, None);
    }

    #[test]
    fn says_where_a_line_ends_to_make_sense() {
        for (line, kind) in [
            ("2016-04-15", FaultKind::Form),
            ("[2016-04-15T20:17:00.310Z \"GET /a HTTP/2\" 200 - 1 2 3 4", FaultKind::Form),
            ("[2016-04-15] \"GET /a HTTP/2\" 200 - 1 2 3 4", FaultKind::Time),
            ("[2016-04-15T20:17:00.310Z] \"- - -\" 400 - 1 2 3 4", FaultKind::NoRequest),
            ("[2016-04-15T20:17:00.310Z] \"GET /a HTTP/2\" x - 1 2 3 4", FaultKind::Status),
            ("[2016-04-15T20:17:00.310Z] \"GET /a HTTP/2\" 200 - 1 2", FaultKind::Form),
        ] {
            assert_eq!(read(line, &mut String::new()).map_err(|fault| fault.kind), Err(kind), "{line}");
        }
    }
}
