//! HAProxy's HTTP log format (`option httplog`), with what syslog puts in front or without.
//!
//! `client:port [time] frontend backend/server timers status bytes … {request headers} {response headers} "request"`. Its times
//! are in the zone of the machine, which the line does not tell; they are taken for UTC.

use crate::exchange::Exchange;
use crate::fault::{Fault, FaultKind};
use crate::scan::Cursor;
use crate::{target, time};

pub(crate) fn read<'a>(line: &'a str, host: &'a mut String) -> Result<Exchange<'a>, Fault> {
    let fault = |kind, at| move || Fault::new(kind, at);
    let mut cursor = Cursor::new(line);
    let front = cursor.until(" [").ok_or_else(fault(FaultKind::Form, 0))?;
    let peer = front.rsplit(' ').next().and_then(|peer| peer.rsplit_once(':'));
    let (client, _) = peer.ok_or_else(fault(FaultKind::Form, 0))?;
    let at = cursor.at();
    let written = cursor.until("] ").ok_or_else(fault(FaultKind::Form, at))?;
    let moment = moment(written).ok_or_else(fault(FaultKind::Time, at))?;
    let at = cursor.at();
    let mut word = || cursor.word();
    let (_frontend, _server, timers) = (word(), word(), word().ok_or_else(fault(FaultKind::Form, at))?);
    let status = word().and_then(|word| word.parse::<i32>().ok()).ok_or_else(fault(FaultKind::Status, at))?;
    let bytes_out = word().and_then(|word| word.trim_start_matches('+').parse().ok());
    let total = timers.rsplit('/').next().map(|total| total.trim_start_matches('+'));
    let at = cursor.at();
    let between = cursor.until(" \"").ok_or_else(fault(FaultKind::Form, at))?;
    let at = cursor.at();
    let request = cursor.rest().trim_end().strip_suffix('"').ok_or_else(fault(FaultKind::Form, at))?;
    let (method, aimed) = target::request_line(request).map_err(|kind| Fault::new(kind, at))?;
    let (named, agent) = captured(between);
    Ok(Exchange {
        at: Some(moment),
        host: aimed.host.or(named).and_then(|text| target::host(text, host)),
        method,
        path: aimed.path,
        query: aimed.query,
        // -1 where nothing was answered.
        status: u16::try_from(status).ok().filter(target::is_status),
        bytes_out,
        duration: total
            .and_then(|total| total.parse::<u64>().ok())
            .and_then(|total| total.checked_mul(1_000)),
        client: Some(client.trim_start_matches("::ffff:")),
        agent,
        ..Exchange::default()
    })
}

/// `06/Feb/2009:12:14:14.655`.
fn moment(text: &str) -> Option<i64> {
    let (seconds, millis) = text.split_once('.')?;
    let millis: i64 = millis.parse().ok().filter(|_| millis.len() == 3)?;
    // A fixed zone, so that the form is that of other logs.
    let mut whole = [0; 26];
    let bytes = seconds.as_bytes().iter().chain(b" +0000");
    if seconds.len() != 20 {
        return None;
    }
    whole.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    Some(time::clf(std::str::from_utf8(&whole).ok()?)? + millis)
}

/// Host and agent out of `{host|agent}`, the usual captures. One that has no dot and no port is no host.
fn captured(between: &str) -> (Option<&str>, Option<&str>) {
    let inner = between.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
    let Some((inner, _)) = inner else { return (None, None) };
    let mut values = inner.split('|');
    let host = values.next().filter(|text| text.contains(['.', ':']) && !text.contains([' ', '/']));
    (host, values.next().filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "10.0.1.2:33317 [06/Feb/2009:12:14:14.655] http-in static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {1wt.eu|curl/8} {} \"GET /index.html?a HTTP/1.1\"";

    #[test]
    fn reads_it_with_and_without_what_syslog_puts_in_front() {
        let want = Exchange {
            at: Some(1_233_922_454_655),
            host: Some("1wt.eu"),
            method: "GET",
            path: "/index.html",
            query: Some("a"),
            status: Some(200),
            bytes_out: Some(2_750),
            duration: Some(109_000),
            client: Some("10.0.1.2"),
            agent: Some("curl/8"),
            ..Exchange::default()
        };
        for front in ["", "Feb  6 12:14:14 localhost haproxy[14389]: ", "<134>Feb  6 12:14:14 haproxy[1]: "] {
            let line = format!("{front}{LINE}");
            assert_eq!(read(&line, &mut String::new()), Ok(want), "{line}");
        }
        let bare = LINE.replace(" {1wt.eu|curl/8} {}", "");
        assert_eq!(read(&bare, &mut String::new()), Ok(Exchange { host: None, agent: None, ..want }));
        let unanswered = LINE.replace(" 200 2750", " -1 +0");
        let unanswered = read(&unanswered, &mut String::new()).map(|found| (found.status, found.bytes_out));
        assert_eq!(unanswered, Ok((None, Some(0))));
    }

    #[test]
    fn says_where_a_line_ends_to_make_sense() {
        for (line, kind) in [
            (LINE.replace(" [06", " 06"), FaultKind::Form),
            (LINE.replace("10.0.1.2:33317", "10.0.1.2"), FaultKind::Form),
            (LINE.replace(".655", ""), FaultKind::Time),
            (LINE.replace(" 200 ", " x "), FaultKind::Status),
            (LINE.replace("GET /index.html?a HTTP/1.1", "<BADREQ>"), FaultKind::NoRequest),
            (LINE.trim_end_matches('"').to_owned(), FaultKind::Form),
        ] {
            assert_eq!(read(&line, &mut String::new()).map_err(|fault| fault.kind), Err(kind), "{line}");
        }
    }
}
