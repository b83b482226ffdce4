//! Every constant of the engine, with its reason.

use std::collections::BTreeSet;

/// What bounds memory. Two inventories can be merged only if these are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Distinct wordlike values kept at a place of a path, by how many places before it are already sampled. 384 holds the names that
    /// follow one another in any interface known to us; below a sampled place the samples are pooled, so few suffice.
    pub words: [usize; 4],
    /// The same for values of a typed form (numbers, ids). Their form tells what they are; they are kept for what follows them.
    pub typed: [usize; 4],
    /// Segments of a path that are told apart; what is deeper is cut. The deepest public interface known to us has 17.
    pub segments: usize,
    /// Bytes of a segment; longer ones are cut. 255 is what file systems and most identifiers stay below.
    pub segment_bytes: usize,
    /// Hosts told apart, since the `Host` header is the caller's to choose; the rest is counted as noise. Twice as many are held meanwhile.
    pub hosts: usize,
    /// Callers of a host whose names are kept for samples.
    pub callers: usize,
    /// Sizes of HTML answers told apart per host, to find hosts that answer anything with one page.
    pub pages: usize,
    /// Examples and samples given per operation and per kind of noise.
    pub examples: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            words: [384, 40, 16, 8],
            typed: [32, 6, 2, 1],
            segments: 32,
            segment_bytes: 255,
            hosts: 1_000,
            callers: 2_000,
            pages: 500,
            examples: 5,
        }
    }
}

impl Limits {
    /// Those for answers that were no success. Nothing is inferred from them: they are counted where what succeeded has an operation, and names
    /// come first among what is kept, so fewer values do.
    pub(crate) fn of_failures(&self) -> Self {
        let fewer = |limits: [usize; 4], part: usize| limits.map(|limit| limit.div_ceil(part));
        Self { words: fewer(self.words, 3), typed: fewer(self.typed, 6), ..self.clone() }
    }
}

/// What a person said about a place; it outweighs everything that is inferred, and stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Force {
    /// The last segment of the prefix is a name.
    Literal,
    /// What stands in the place of the last segment is a parameter.
    Parameter,
}

/// More overrides than a person writes: the most that a state has.
pub const OVERRIDES_MAX: usize = 10_000;

/// An override by a person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Override {
    /// The host; none for all hosts.
    pub host: Option<String>,
    /// The path up to and with the segment in question; `{}` stands for any value before it, and as the last segment for all.
    pub prefix: String,
    /// What the last segment is.
    pub force: Force,
}

/// A template that is known beforehand, from an OpenAPI document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prior {
    /// The host; none for all hosts.
    pub host: Option<String>,
    /// The method.
    pub method: String,
    /// The template with named parameters.
    pub path: String,
    /// Names of parameters that are numbers, so that no word is one of their values.
    pub numbers: Vec<String>,
}

/// Weights of the model, in natural logarithms of odds that a segment is a name rather than a value, and the points on its scales.
///
/// They were set on the discovery benchmark by hand, then moved where fits to four random halves of its hosts agreed, and checked on the other halves,
/// on other seeds and on interfaces written for the purpose (the crate's tests).
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// A segment whose every word is common in interfaces. Over held-out documents 71 % of names and 27 % of other nouns are known words.
    pub lexical: f64,
    /// A name before typed or other evidence: most segments of documented interfaces are names.
    pub base: f64,
    /// A segment that follows a parameter: REST alternates collections and entities (Fielding's uniform interface as commonly practised).
    pub after_parameter: f64,
    /// A segment below a collection that itself answers: its entities stand there.
    pub below_collection: f64,
    /// A segment below a plural that was not seen to answer.
    pub below_plural: f64,
    /// A segment below anything else: the root, a version, a part of the interface.
    pub below_name: f64,
    /// The first segment besides: parameters there are rare.
    pub root: f64,
    /// A segment with ids below it.
    pub alternation: f64,
    /// And if it is a plural besides.
    pub plural: f64,
    /// Per logarithm of the number of strange siblings (one in five other nouns is a known word, so values bring known words along).
    pub company: f64,
    /// The most that this may be: some known words among values are names all the same.
    pub company_most: f64,
    /// A strange segment among siblings that are mostly strange, per logarithm of their number.
    pub crowd: f64,
    /// A segment under many parents: names repeat below each entity, entities below their own only.
    pub spread: f64,
    /// A segment with names of its own below it, which no sibling has.
    pub own_structure: f64,
    /// A segment with the same names below it as many siblings.
    pub shared_structure: f64,
    /// Siblings of which most were seen once (Good and Turing: the chance that the next is new).
    pub openness: f64,
    /// A segment with followers of its own among siblings whose followers are alike.
    pub unlike: f64,
    /// Per logarithm of the lead of a known word over the most popular strange sibling.
    pub popular: f64,
    /// What a segment has at least that is asked for again and again, as no value beside it is.
    pub steady: f64,
    /// So many times the requests of the next one.
    pub steady_lead: u64,
    /// And so many at least: fewer may come of one visit.
    pub steady_least: u64,
    /// Strange siblings of which this can be said.
    pub steady_crowd: usize,
    /// Strange segments that may be above the others.
    pub steady_most: usize,
    /// A segment that answers methods which no strange sibling answers.
    pub methods: f64,
    /// A segment with followers in a set that is small and that nothing new comes to.
    pub closed: f64,
    /// A segment that begins with a verb.
    pub verb: f64,
    /// How much of `company` holds for a segment that is a verb and asked for more often than any strange sibling.
    pub company_of_verb: f64,
    /// `me`, `all`, `latest`, `healthz`: words that no entity is called.
    pub whole: f64,
    /// Two or more words of one closed list (days, environments, formats) are siblings. They may be reports of that name, so it is no proof.
    pub choice: f64,
    /// The same behind a parameter, where nothing else varies: must outweigh known words under many parents (2.2 + 0.3 + 1.0 + 1.6).
    pub choice_behind_parameter: f64,
    /// Three or more codes of two to four capitals are siblings.
    pub short_code: f64,
    /// A version such as `v2`; up to five may live side by side.
    pub version: f64,
    /// More versions than an interface has, or one in three parts: the version of an entity.
    pub versions: f64,
    /// Two or more entries of one registry (languages, countries, currencies, regions) are siblings.
    pub entry: f64,
    /// Three or more words with numbers are siblings.
    pub numbered: f64,
    /// A single strange word with a number: `oauth2` and `s3` are names, so it says little.
    pub number: f64,
    /// A file whose stem is strange.
    pub file: f64,
    /// Three or more host names are siblings: dotted names of methods end in a top-level domain by chance only.
    pub host: f64,
    /// The most that popularity may say.
    pub popular_most: f64,
    /// The share of its possible parents below which a segment is more likely to belong to one of them.
    pub spread_even: f64,
    /// Unrelated collections share a seventh of their followers by common words (`items`, `status`).
    pub alike_from: f64,
    /// From here on siblings are as alike as entities of one kind with few requests each.
    pub alike_full: f64,
    /// From here on the followers of siblings are one set, with some not yet seen.
    pub identical: f64,
    /// How much more than likeness one set of followers says.
    pub trust_identical: f64,
    /// The same behind a parameter for all siblings: a choice, such as of a granularity.
    pub trust_choice: f64,
    /// Siblings that share a quarter of their followers are alike.
    pub usual: f64,
    /// Below this a segment shares nothing with them.
    pub unlike_below: f64,
    /// A route or a document has a parameter at the place and does not have the segment. Documents lag behind, so a clear name stays one.
    pub told: f64,
    /// So many siblings of a kind (short codes, words with numbers) are no chance.
    pub several: usize,
    /// So many versions of an interface live side by side at most.
    pub versions_most: usize,
    /// What a segment's own use says, compared with that of its siblings.
    pub behaviour: f64,
    /// The most that this may be, either way.
    pub behaviour_most: f64,
    /// How alike the use of entities of one kind is: as if so many requests of each were drawn as for all.
    pub scatter: f64,
    /// The same for names, which differ more.
    pub scatter_own: f64,
    /// How much names follow the fashion of their siblings: those of RPC are all posted to.
    pub fashion: f64,
    /// Siblings with which it takes to tell that they are alike by nature and not by chance.
    pub alike_siblings: f64,
    /// How much a sibling that may be a name counts for what is usual.
    pub usual_name: f64,
    /// Evidence that values are there at all must reach this before any sibling becomes one.
    pub group: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            lexical: 2.2,
            base: 0.3,
            after_parameter: 1.0,
            below_collection: -0.8,
            below_plural: -0.4,
            below_name: 1.0,
            root: 0.5,
            alternation: 1.0,
            plural: 0.8,
            company: 1.25,
            company_most: 3.5,
            crowd: 1.5,
            spread: 1.6,
            own_structure: 2.0,
            shared_structure: -3.0,
            openness: -2.0,
            unlike: 2.5,
            popular: 1.2,
            steady: 1.0,
            steady_lead: 10,
            steady_least: 20,
            steady_crowd: 6,
            steady_most: 4,
            methods: 1.5,
            closed: 1.2,
            verb: 1.0,
            company_of_verb: 0.5,
            whole: 4.0,
            choice: -2.5,
            choice_behind_parameter: -6.5,
            short_code: -2.5,
            version: 3.0,
            versions: -5.0,
            entry: -5.0,
            numbered: -2.0,
            number: -0.5,
            file: -0.3,
            host: -2.0,
            popular_most: 3.0,
            spread_even: 0.3,
            alike_from: 0.15,
            alike_full: 0.55,
            identical: 0.6,
            trust_identical: 1.6,
            trust_choice: 2.2,
            usual: 0.25,
            unlike_below: 0.05,
            told: -4.5,
            several: 3,
            versions_most: 5,
            behaviour: 0.5,
            behaviour_most: 4.0,
            scatter: 16.0,
            scatter_own: 1.0,
            fashion: 0.3,
            alike_siblings: 6.0,
            usual_name: 0.3,
            group: 2.5,
        }
    }
}

/// Counts from which on something is taken for what it looks like, outside of the weighing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// Endings behind one id from which on they are a choice of the caller; two are more often two operations.
    pub endings: usize,
    /// Distinct versions at one place that may be those of the interface: an entity's are more.
    pub interface_versions: usize,
    /// How deep in a path the version of an interface may stand. The deepest known to us is the fifth part.
    pub version_depth: usize,
    /// Requests from which on a single one of a version's form is no entity that is seldom called.
    pub version_calls: u64,
    /// Distinct names below from which on something of a version's form is one: behind `api` and the like, where it stands alone and is called much,
    /// and else.
    pub version_names: [usize; 3],
    /// Unlike paths that answer a page of one size from which on that page stands for "not found".
    pub soft_places: usize,
    /// Distinct first parts among them; interfaces that answer one size do so on alike paths.
    pub soft_firsts: usize,
    /// Followers looked at per segment: enough for every interface known to us, and a bound on the work.
    pub followers: usize,
    /// Grounds given per operation; the weightiest tell enough.
    pub reasons: usize,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            endings: 3,
            interface_versions: 3,
            version_depth: 4,
            version_calls: 30,
            version_names: [1, 2, 5],
            soft_places: 8,
            soft_firsts: 6,
            followers: 80,
            reasons: 4,
        }
    }
}

/// How an inventory is made.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settings {
    /// What bounds memory.
    pub limits: Limits,
    /// The model.
    pub weights: Weights,
    /// The counts.
    pub thresholds: Thresholds,
    /// Said by people.
    pub overrides: Vec<Override>,
    /// Known beforehand.
    pub priors: Vec<Prior>,
    /// Hosts that are kept whatever is seen of others, in lower case.
    pub named_hosts: BTreeSet<String>,
}
