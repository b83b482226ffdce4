//! Templates that are known beforehand: from documents, from routes that services named, from people.

use std::collections::BTreeMap;

use crate::infer::Frame;
use crate::method::Method;
use crate::settings::{Force, Settings};
use crate::tree::{JOINED, Node};

/// A place in the known templates.
#[derive(Debug, Default)]
pub(crate) struct Known {
    literals: BTreeMap<String, Known>,
    parameter: Option<Box<Known>>,
    framed: BTreeMap<String, Known>,
    /// The name of the parameter that leads here.
    pub(crate) name: Option<String>,
    /// Every parameter that is known to lead here is a number.
    pub(crate) is_number: bool,
    /// The methods that end here, as bits; none where only more follows or nobody says.
    pub(crate) methods: u32,
    /// Said by a person.
    pub(crate) forced: Option<Force>,
}

impl Known {
    pub(crate) fn build(settings: &Settings, host: &str, seen: [&Node; 2]) -> Self {
        let mut root = Self::default();
        for prior in &settings.priors {
            if prior.host.as_deref().is_none_or(|name| name == host) {
                let place = root.add(&prior.path, &prior.numbers);
                place.methods |= Method::parse(&prior.method).map_or(u32::MAX, |method| method.bit());
            }
        }
        for seen in seen {
            routes(seen, &mut root);
        }
        for said in &settings.overrides {
            if said.host.as_deref().is_none_or(|name| name == host) {
                root.add(&said.prefix, &[]).forced = Some(said.force);
            }
        }
        root
    }

    /// Adds a template and gives its last place. `{id}`, `:id` and `<int:id>` are parameters.
    fn add(&mut self, template: &str, numbers: &[String]) -> &mut Self {
        let mut place = self;
        for segment in template.trim_matches('/').split('/').filter(|segment| !segment.is_empty()) {
            // Matrix parameters are judged apart from what they are of.
            let (segment, matrix) = match segment.find(';').and_then(|at| segment.split_at_checked(at)) {
                Some((base, tail)) if !base.is_empty() => (base, Some(tail)),
                Some(_) | None => (segment, None),
            };
            let whole =
                (segment.starts_with('{') && segment.ends_with('}') && segment.matches('{').count() == 1)
                    || (segment.starts_with('<') && segment.ends_with('>'))
                    || (segment.starts_with(':') && segment.len() > 1);
            place = if whole {
                let was_number = place.parameter.as_ref().is_none_or(|known| known.is_number);
                let parameter = place.parameter.get_or_insert_default();
                let inside = segment.trim_matches(['{', '}', '<', '>', ':']);
                // `<int:id>` has the name behind, `{id:[0-9]+}` before the colon.
                let (ahead, behind) = inside.split_once(':').unwrap_or((inside, inside));
                let name = if segment.starts_with('<') { behind } else { ahead };
                parameter.is_number = was_number && numbers.iter().any(|number| number == name);
                if !name.is_empty() {
                    // The least of several, so that the order of documents does not matter.
                    let least = parameter.name.take().filter(|known| known.as_str() <= name);
                    parameter.name = Some(least.unwrap_or_else(|| name.to_owned()));
                }
                parameter
            } else if segment.contains('{') {
                place.framed.entry(Frame::parse(segment).text()).or_default()
            } else {
                place.literals.entry(segment.into()).or_default()
            };
            if let Some(tail) = matrix {
                place = place.framed.entry(Frame::parse(&format!("{JOINED}{tail}")).text()).or_default();
            }
        }
        place
    }

    pub(crate) fn literal(&self, text: &str) -> Option<&Self> {
        self.literals.get(text)
    }

    pub(crate) fn parameters(&self, frame: Option<&Frame>) -> Option<&Self> {
        match frame {
            Some(frame) => self.framed.get(&frame.text()),
            None => self.parameter.as_deref(),
        }
    }
}

fn routes(node: &Node, known: &mut Known) {
    for (key, tally) in &node.ends {
        for (_, route) in tally.rare().routes.iter() {
            if route.starts_with('/') && !route.contains('*') {
                known.add(route, &[]).methods |= key.method.bit();
            }
        }
    }
    for group in [&node.words, &node.typed] {
        for kid in &group.kids {
            routes(&kid.node, known);
        }
        if let Some(rest) = &group.rest {
            routes(rest, known);
        }
    }
}
