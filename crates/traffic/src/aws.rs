//! Logs of AWS: the application load balancer's, and CloudFront's standard log.

use crate::exchange::Exchange;
use crate::fault::{Fault, FaultKind};
use crate::scan::Cursor;
use crate::{target, time};

/// One line of an application load balancer.
///
/// `type time elb client:port target:port three-times elb-status target-status received sent "request" "agent" …`.
pub(crate) fn balancer<'a>(line: &'a str, host: &'a mut String) -> Result<Exchange<'a>, Fault> {
    let fault = |kind, at| move || Fault::new(kind, at);
    let mut cursor = Cursor::new(line);
    let kind = cursor.word().ok_or_else(fault(FaultKind::Form, 0))?;
    if !matches!(kind, "http" | "https" | "h2" | "grpcs" | "ws" | "wss") {
        return Err(Fault::new(FaultKind::Form, 0));
    }
    let moment = cursor.word().and_then(time::iso).ok_or_else(fault(FaultKind::Time, kind.len()))?;
    let at = cursor.at();
    let mut word = || cursor.word().ok_or_else(fault(FaultKind::Form, at));
    let (_balancer, peer, _target) = (word()?, word()?, word()?);
    let times = [word()?, word()?, word()?];
    let status = word()?.parse::<u16>().ok();
    let (_target_status, received, sent) = (word()?, word()?.parse().ok(), word()?.parse().ok());
    let at = cursor.at();
    let request = cursor.plain_quoted().ok_or_else(fault(FaultKind::Form, at))?;
    let (method, aimed) = target::request_line(request).map_err(|kind| Fault::new(kind, at))?;
    let agent = cursor.plain_quoted().filter(|agent| *agent != "-");
    Ok(Exchange {
        at: Some(moment),
        host: aimed.host.and_then(|text| target::host(text, host)),
        method,
        path: aimed.path,
        query: aimed.query,
        status: status.filter(target::is_status),
        bytes_in: received,
        bytes_out: sent,
        duration: times.iter().try_fold(0, |sum, text| Some(sum + micros(text)?)),
        client: peer.rsplit_once(':').map(|(address, _)| address),
        agent,
        ..Exchange::default()
    })
}

/// `0.086` seconds in microseconds; none for -1, where there was no such phase.
fn micros(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(part) || part.len() > 6 {
        return None;
    }
    let scale = 10_u64.checked_pow(u32::try_from(6 - part.len()).ok()?)?;
    whole
        .parse::<u64>()
        .ok()?
        .checked_mul(1_000_000)?
        .checked_add(part.parse::<u64>().ok()?.checked_mul(scale)?)
}

/// Which column of a W3C extended log holds what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Columns(Vec<String>);

impl Default for Columns {
    fn default() -> Self {
        let usual = "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) \
                     cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header \
                     cs-protocol cs-bytes time-taken";
        Self(usual.split_ascii_whitespace().map(str::to_owned).collect())
    }
}

impl Columns {
    /// Takes the columns from a remark that begins with `#Fields:`.
    pub(crate) fn learn(&mut self, remark: &str) {
        if let Some(names) = remark.strip_prefix("#Fields:") {
            self.0 = names.split_ascii_whitespace().map(str::to_owned).collect();
        }
    }

    fn find<'a>(&self, line: &'a str, name: &str) -> Option<&'a str> {
        let place = self.0.iter().position(|column| column == name)?;
        line.split('\t').nth(place).filter(|text| !matches!(*text, "-" | ""))
    }
}

/// One line of CloudFront. `joined` is scratch for its date and time, which stand in two columns.
pub(crate) fn front<'a>(
    line: &'a str,
    columns: &Columns,
    host: &'a mut String,
    joined: &mut String,
) -> Result<Exchange<'a>, Fault> {
    let fault = |kind| move || Fault::new(kind, 0);
    let find = |name: &str| columns.find(line, name);
    let (date, clock) = find("date").zip(find("time")).ok_or_else(fault(FaultKind::Form))?;
    joined.clear();
    joined.extend([date, " ", clock]);
    let moment = time::iso(joined).ok_or_else(fault(FaultKind::Time))?;
    let method = find("cs-method").ok_or_else(fault(FaultKind::Form))?;
    let stem = find("cs-uri-stem").ok_or_else(fault(FaultKind::Form))?;
    if !target::is_method(method) {
        return Err(Fault::new(FaultKind::NoRequest, 0));
    }
    let aimed = target::split(stem).map_err(|kind| Fault::new(kind, 0))?;
    let count = |name: &str| find(name).and_then(|text| text.parse().ok());
    Ok(Exchange {
        at: Some(moment),
        // The name that the client asked for; the other one is the distribution's own.
        host: find("x-host-header").or_else(|| find("cs(Host)")).and_then(|text| target::host(text, host)),
        method,
        path: aimed.path,
        query: find("cs-uri-query").or(aimed.query),
        status: find("sc-status").and_then(|text| text.parse().ok()).filter(target::is_status),
        bytes_in: count("cs-bytes"),
        bytes_out: count("sc-bytes"),
        duration: find("time-taken").and_then(micros),
        response_type: find("sc-content-type"),
        client: find("c-ip"),
        agent: find("cs(User-Agent)"),
        ..Exchange::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BALANCER: &str = "https 2018-07-02T22:23:00.186641Z app/my/50dc6c 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 12 57 \"GET https://www.Example.com:443/a?b=c HTTP/1.1\" \"curl/7.46.0\" ECDHE TLSv1.2 arn:x \"Root=1\" \"www.example.com\" \"-\" 1 2018-07-02T22:22:48.364000Z \"forward\" \"-\" \"-\"";
    const FRONT: &str = "2019-12-04\t21:02:31\tLAX1\t392\t192.0.2.100\tGET\td1.cloudfront.net\t/a/%20b\t200\t-\tMozilla/5.0%20(x)\tq=1\t-\tHit\tid==\tapi.example.com\thttps\t23\t0.001";

    #[test]
    fn reads_a_load_balancer() {
        let want = Exchange {
            at: Some(1_530_570_180_186),
            host: Some("www.example.com"),
            method: "GET",
            path: "/a",
            query: Some("b=c"),
            status: Some(200),
            bytes_in: Some(12),
            bytes_out: Some(57),
            duration: Some(171_000),
            client: Some("192.168.131.39"),
            agent: Some("curl/7.46.0"),
            ..Exchange::default()
        };
        assert_eq!(balancer(BALANCER, &mut String::new()), Ok(want));
        let unanswered = BALANCER.replace(" 0.086 0.048 0.037 200 200", " -1 -1 -1 460 -");
        let unanswered =
            balancer(&unanswered, &mut String::new()).map(|found| (found.status, found.duration));
        assert_eq!(unanswered, Ok((Some(460), None)));
        for (line, kind) in [
            (BALANCER.replace("https 2018", "tcp 2018"), FaultKind::Form),
            (BALANCER.replace("T22:23", "T25:23"), FaultKind::Time),
            (
                BALANCER.replace("GET https://www.Example.com:443/a?b=c HTTP/1.1", "- - -"),
                FaultKind::NoRequest,
            ),
            (BALANCER.split_at(80).0.to_owned(), FaultKind::Form),
        ] {
            assert_eq!(balancer(&line, &mut String::new()).map_err(|fault| fault.kind), Err(kind), "{line}");
        }
    }

    #[test]
    fn reads_cloudfront_in_the_order_that_its_remark_names() {
        let want = Exchange {
            at: Some(1_575_493_351_000),
            host: Some("api.example.com"),
            method: "GET",
            path: "/a/%20b",
            query: Some("q=1"),
            status: Some(200),
            bytes_in: Some(23),
            bytes_out: Some(392),
            duration: Some(1_000),
            client: Some("192.0.2.100"),
            agent: Some("Mozilla/5.0%20(x)"),
            ..Exchange::default()
        };
        let read = |line: &str, columns: &Columns| {
            let (mut host, mut joined) = (String::new(), String::new());
            front(line, columns, &mut host, &mut joined).map(|found| format!("{found:?}"))
        };
        let mut columns = Columns::default();
        assert_eq!(read(FRONT, &columns), Ok(format!("{want:?}")));
        columns.learn("#Version: 1.0");
        columns.learn("#Fields: time date cs-uri-stem cs-method");
        let short = Exchange { path: "/x", method: "PUT", at: want.at, ..Exchange::default() };
        assert_eq!(read("21:02:31\t2019-12-04\t/x\tPUT", &columns), Ok(format!("{short:?}")));
        for (line, kind) in [
            ("21:02:31\t2019-12-04\t/x", FaultKind::Form),
            ("21:02:31\t2019-13-04\t/x\tPUT", FaultKind::Time),
            ("21:02:31\t2019-12-04\tx\tPUT", FaultKind::NoRequest),
            ("21:02:31\t2019-12-04\t/x\tP T", FaultKind::NoRequest),
        ] {
            assert_eq!(read(line, &columns).map_err(|fault| fault.kind), Err(kind), "{line}");
        }
    }
}
