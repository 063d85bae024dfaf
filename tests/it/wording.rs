//! Finds the idioms that docs/wording.md rules out, as far as a pattern can find them, and sentences that are too long.

use std::fs;
use std::path::Path;

use regex::Regex;

/// Files and directories with texts of ours.
const AREAS: [&str; 18] = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs",
    "template.yaml",
    "provisioner.yaml",
    "samconfig.toml",
    "examples",
    ".ci",
    "Cargo.toml",
    "tests",
    "src",
    "properties-derive",
    "emulator",
    "cloudformation",
    "harness",
    "local",
    "publish",
];

/// Files that have to quote what they rule out.
const EXEMPT: [&str; 2] = ["docs/wording.md", "tests/it/wording.rs"];

/// The texts that a pattern applies to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In every text, that of code included.
    Anywhere,
    /// In comments and in Markdown.
    Prose,
    /// At the start of a doc comment.
    DocComment,
}

/// An idiom that docs/wording.md rules out.
struct Idiom {
    place: Place,
    pattern: &'static str,
    /// A match in which this pattern is found, too, is plain English.
    unless: &'static str,
    instead: &'static str,
}

/// Matches nothing: an idiom without an exception.
const ALWAYS: &str = "[^\\s\\S]";

const IDIOMS: &[Idiom] = &[
    Idiom {
        place: Place::DocComment,
        pattern: r"^(What|Whether|Where|Who|Whose|That of|Those of)\b",
        unless: ALWAYS,
        instead: "start with a verb: Creates, Returns, Decides",
    },
    Idiom {
        place: Place::Anywhere,
        pattern: r"(\w+ )?\b(is|are|was|were|be|being) no\b( \w+)?",
        unless: r"^[Tt]here |^status was no answer$| (longer|more|less|later|earlier|different)$",
        instead: "is not a",
    },
    Idiom {
        place: Place::Anywhere,
        pattern: r"\bany more\b( than)?",
        unless: "than$",
        instead: "no longer; was deleted",
    },
    Idiom {
        place: Place::Anywhere,
        pattern: r"\bas good as\b",
        unless: ALWAYS,
        instead: "counts as; is equivalent to",
    },
    Idiom { place: Place::Anywhere, pattern: r"\btaken for\b( granted)?", unless: "granted$", instead: "treated as" },
    // The exception is a sentence of CloudFormation: "No updates are to be performed."
    Idiom {
        place: Place::Anywhere,
        pattern: r"\b(is|are|was|were) to be\b( performed)?",
        unless: "performed$",
        instead: "has to be; the desired",
    },
    Idiom {
        place: Place::Prose,
        pattern: r"\b[Ww]hat (is|are|was|were) to\b",
        unless: ALWAYS,
        instead: "the desired; has to",
    },
    Idiom { place: Place::Anywhere, pattern: r"\b[Ff]or want of\b", unless: ALWAYS, instead: "because … is missing" },
    Idiom { place: Place::Prose, pattern: r"\b[Bb]eside\b", unless: ALWAYS, instead: "in addition to; next to" },
    Idiom {
        place: Place::Prose,
        pattern: r"\bpatience\b",
        unless: ALWAYS,
        instead: "the number of retries, or the time with its unit",
    },
    Idiom { place: Place::Anywhere, pattern: r"\bcircle of trust\b", unless: ALWAYS, instead: "trust boundary" },
    Idiom {
        place: Place::Anywhere,
        pattern: r"\b(is|are|was|were|be|been|being|once|just|not) made\b( \w+)?",
        unless: "(known|sure|up|of|plain|explicit|ready|public)$",
        instead: "created; built; sent",
    },
    Idiom {
        place: Place::Anywhere,
        pattern: concat!(
            r"\b[Mm](ake|akes|aking|ade) (a|an|another|one|no|its own) (new |other |own |second )?",
            r"(agent runtime|runtime|gateway|target|secret|provider|version|resource|stack|role|policy|vault|session|",
            r"client|token|log group|copy)\b",
        ),
        unless: ALWAYS,
        instead: "create; publish (a version)",
    },
    Idiom {
        place: Place::Anywhere,
        pattern: r"\b(runtime|gateway|target|secret|provider|version|resource|stack|role|session)s? made\b",
        unless: ALWAYS,
        instead: "created",
    },
    Idiom { place: Place::Prose, pattern: r";[^.;:?!()|]+;[^.;:?!|]+[.:]", unless: ALWAYS, instead: "two sentences" },
    Idiom { place: Place::Anywhere, pattern: r"(?i)synchronis\w*", unless: ALWAYS, instead: "synchronize" },
    Idiom {
        place: Place::Anywhere,
        pattern: r"(?i)\w*patience\w*",
        unless: ALWAYS,
        instead: "timeout; the time with its unit",
    },
    Idiom {
        place: Place::Anywhere,
        pattern: concat!(
            r"\b(AWS|AgentCore|Lambda|IdP|provider|service|server|serde|parser|tool|container|panic)('s|s')",
            r" (own |last )?words\b",
        ),
        unless: ALWAYS,
        instead: "message",
    },
    Idiom { place: Place::Anywhere, pattern: r"\bto be told more\b", unless: ALWAYS, instead: "for details" },
    Idiom { place: Place::Anywhere, pattern: r"\bif need be\b", unless: ALWAYS, instead: "if necessary" },
    Idiom { place: Place::Anywhere, pattern: r"\bat hand\b", unless: ALWAYS, instead: "available" },
    Idiom { place: Place::Anywhere, pattern: r"\bfor ever\b", unless: ALWAYS, instead: "forever" },
    Idiom { place: Place::Anywhere, pattern: r"\ball the same\b", unless: ALWAYS, instead: "still" },
    Idiom { place: Place::Anywhere, pattern: r"\bof whose\b", unless: ALWAYS, instead: "two sentences" },
    Idiom {
        place: Place::Anywhere,
        pattern: r"\bwrong with it\b|\bto blame\b|\bfinds? fault\b|\bbetrays?\b",
        unless: ALWAYS,
        instead: "invalid; the cause; reports; shows",
    },
    Idiom {
        place: Place::Anywhere,
        pattern: r"\b[Ee]nd(s|ed)? (well|badly)\b|, well or not\b",
        unless: ALWAYS,
        instead: "succeeds, fails",
    },
    Idiom {
        place: Place::Anywhere,
        pattern: r"\b[Nn]othing of\b( the kind)?",
        unless: "the kind$",
        instead: "no …; none of",
    },
    Idiom {
        place: Place::Anywhere,
        pattern: r"\b(is|are) not looked at\b|\b[Ll]ook(s|ed)? again\b",
        unless: ALWAYS,
        instead: "ignored; checks again",
    },
    Idiom {
        place: Place::Anywhere,
        pattern: r"\b(has|have|had) to have\b",
        unless: ALWAYS,
        instead: "must have; requires",
    },
    Idiom { place: Place::Anywhere, pattern: r"\bmend(s|ed|ing)?\b", unless: ALWAYS, instead: "fix" },
    Idiom { place: Place::Anywhere, pattern: r"\b(does|do) without\b", unless: ALWAYS, instead: "omit; needs no …" },
    Idiom {
        place: Place::Prose,
        pattern: r"(^|\. )(\*\*)?(Real|Refused|Emulated)(\*\*)? (is|are)\b",
        unless: ALWAYS,
        instead: "the subject first",
    },
    Idiom { place: Place::Anywhere, pattern: r"\bput(s|ting)?( \w+){0,3} back\b", unless: ALWAYS, instead: "restore" },
];

/// The words of the longest sentence. A quotation in backticks counts as one word. A colon ends a sentence, because the
/// enumeration behind it is read item by item.
const LONGEST: usize = 30;

/// Lines that are read as one text, with the number of the first.
struct Passage {
    line: usize,
    text: String,
    is_prose: bool,
    is_doc: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Blank,
    Code,
    Comment,
    Doc,
    Markdown,
    /// A row, a list item: prose that does not continue the line before.
    Start,
}

/// Cuts a file into passages: a comment, a paragraph or a list item each, and every line of code by itself.
fn passages(path: &str, content: &str) -> Vec<Passage> {
    let extension = path.rsplit('.').next().unwrap_or_default();
    let comment = if extension == "rs" { "//" } else { "#" };
    let mut passages: Vec<Passage> = Vec::new();
    let mut last = Kind::Blank;
    let mut fenced = false;
    for (index, line) in content.lines().enumerate() {
        let mut text = line.trim();
        let kind = if extension == "md" {
            fenced ^= text.starts_with("```");
            match text {
                _ if fenced || text.is_empty() || text.starts_with("```") => Kind::Blank,
                _ if text.starts_with(['|', '-', '#']) => Kind::Start,
                _ => Kind::Markdown,
            }
        } else if text.is_empty() {
            Kind::Blank
        } else if let Some(rest) = text.strip_prefix(comment) {
            text = rest.trim_start_matches(['/', '!']).trim();
            if rest.starts_with(['/', '!']) { Kind::Doc } else { Kind::Comment }
        } else if extension == "yaml" && !text.starts_with("- ") && !text.contains(": ") && !text.ends_with(':') {
            // A folded description goes on.
            Kind::Markdown
        } else {
            Kind::Code
        };
        let continues = match kind {
            Kind::Comment | Kind::Doc => last == kind,
            Kind::Markdown => last != Kind::Blank && last != Kind::Comment,
            Kind::Blank | Kind::Code | Kind::Start => false,
        };
        if let Some(passage) = passages.last_mut().filter(|_| continues) {
            passage.text.push(' ');
            passage.text.push_str(text);
        } else if kind != Kind::Blank {
            let is_prose = kind != Kind::Code && (extension == "md" || kind != Kind::Markdown);
            passages.push(Passage { line: index + 1, text: text.to_owned(), is_prose, is_doc: kind == Kind::Doc });
        }
        last = kind;
    }
    passages
}

/// Finds the idioms and the long sentences in texts.
struct Finder {
    idioms: Vec<(&'static Idiom, Regex, Regex)>,
    quotation: Regex,
    /// The target of a link.
    target: Regex,
    sentence_end: Regex,
}

impl Finder {
    fn new() -> Self {
        let regex = |pattern: &str| Regex::new(pattern).expect("a pattern");
        Self {
            idioms: IDIOMS.iter().map(|idiom| (idiom, regex(idiom.pattern), regex(idiom.unless))).collect(),
            // Text in backticks is a name, or the words of others.
            quotation: regex("``.*?``|`[^`]*`"),
            target: regex(r"\]\([^)]*\)"),
            // The cells of a table are read by themselves.
            sentence_end: regex(r#"[.!?:][)*"]*(\s|$)|\|"#),
        }
    }

    /// Returns each idiom and each long sentence of a file as `path:line: "words", write: …`.
    fn hits(&self, path: &str, content: &str) -> Vec<String> {
        let mut hits = Vec::new();
        for passage in passages(path, content) {
            let text = self.quotation.replace_all(&passage.text, "`…`");
            let hit =
                |words: &str, instead: &str| format!("{path}:{}: \"{}\", write: {instead}", passage.line, words.trim());
            for (idiom, pattern, unless) in &self.idioms {
                let applies = match idiom.place {
                    Place::Anywhere => true,
                    Place::Prose => passage.is_prose,
                    Place::DocComment => passage.is_doc,
                };
                let words = pattern.find_iter(&text).filter(|_| applies).map(|found| found.as_str());
                hits.extend(words.filter(|words| !unless.is_match(words)).map(|words| hit(words, idiom.instead)));
            }
            if passage.is_prose {
                let text = self.target.replace_all(&text, "]");
                let sentences = self.sentence_end.split(&text).filter(|sentence| words(sentence) > LONGEST);
                hits.extend(
                    sentences.map(|sentence| {
                        hit(sentence, &format!("at most {LONGEST} words, here are {}", words(sentence)))
                    }),
                );
            }
        }
        hits
    }
}

/// Counts the words of a sentence. A dash or a bracket is not a word.
fn words(sentence: &str) -> usize {
    sentence.split_whitespace().filter(|word| word.contains(|c: char| c.is_alphanumeric() || c == '…')).count()
}

/// Lists the files under a path of the repository that hold text of ours.
fn files(path: &str, list: &mut Vec<String>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    if !root.join(path).is_dir() {
        list.push(path.to_owned());
        return;
    }
    let entries = fs::read_dir(root.join(path)).expect("a folder");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    for name in names.iter().filter(|name| *name != "target" && *name != "__pycache__") {
        files(&format!("{path}/{name}"), list);
    }
}

#[test]
fn texts_are_free_of_the_idioms_that_the_wording_page_rules_out() {
    let finder = Finder::new();
    let mut paths = Vec::new();
    for area in AREAS {
        files(area, &mut paths);
    }
    // Service models and other data are not ours to word.
    let is_text = |path: &String| {
        [".rs", ".md", ".yaml", ".py", ".toml", ".sh", ".ci/run"].iter().any(|end| path.ends_with(end))
            && !EXEMPT.contains(&path.as_str())
    };
    paths.retain(is_text);
    assert!(paths.len() > 500, "the texts of the repository: {}", paths.len());
    let mut hits = Vec::new();
    for path in &paths {
        let content = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path));
        hits.extend(finder.hits(path, &content.expect("a readable file")));
    }
    assert!(hits.is_empty(), "see docs/wording.md\n{}", hits.join("\n"));
}

#[test]
fn each_idiom_is_found_and_its_plain_form_is_not() {
    let finder = Finder::new();
    for (text, expected) in [
        ("/// Whether it is ours.", 1),
        ("/// Decides whether it is ours.\n/// Where tags are missing, the name counts.", 0),
        ("/// Returns the id.\n\n/// What it says.", 1),
        ("// What follows is a plain comment.", 0),
        ("// A target is no resource with tags.", 1),
        ("// There is no target, and it is no longer there.", 0),
        ("// The gateway that was\n// made by the stack.", 1),
        ("// It is made known to the mask, and made ready.", 0),
        ("return Err(\"makes a new runtime\");", 1),
        ("// A new value makes the gateway list its tools.", 0),
        ("// It waits; it asks; it ends.", 1),
        ("// It waits; it ends. It asks; it ends.", 0),
        ("let a = 1; let b = 2; let c = 3.0;", 0),
        ("// `There is none any more` is quoted.", 0),
        ("// A target is synchronised.", 1),
        ("// `SynchronizeGatewayTargets` synchronizes it.", 0),
        ("let patience = SHORT_PATIENCE;", 2),
        ("let timeout = SHORT_TIMEOUT;", 0),
        ("// AgentCore's own words follow.", 1),
        ("// AgentCore's message follows. The server's words per minute.", 1),
        ("// Sets a level to be told more.", 1),
        ("// It is created again if need be, and a copy is at hand.", 2),
        ("// It is created again if necessary.", 0),
        ("// It stays for ever, and works all the same.", 2),
        ("// It stays forever, and still works.", 0),
        ("// A secret, of whose keys one is empty.", 1),
        ("// The server is to blame, and something is wrong with it.", 2),
        ("// It ends badly. Returns the result, well or not.", 2),
        ("// It ends at once.", 0),
        ("// Nothing of it is left.", 1),
        ("// Nothing is left.", 0),
        ("// A copy is not looked at. The function looks again.", 2),
        ("// The function looks at a copy.", 0),
        ("// It has to have a name.", 1),
        ("// It has to name a host.", 0),
        ("// An update mends it, and does without a policy.", 2),
        ("// The amendment needs no policy.", 0),
        ("// Refused are others.", 1),
        ("// Others are refused. Real servers are used.", 0),
        ("// It puts the old value back.", 1),
        ("// It puts the value into a back room.", 0),
    ] {
        let found = finder.hits("a.rs", text);
        assert_eq!(found.len(), expected, "{text}: {found:?}");
    }
    let folded = "A:\n  Description: >-\n    Changing it makes a new\n    runtime.\n  # It is as\n  # good as none.\n";
    assert_eq!(finder.hits("a.yaml", folded).len(), 2);
    let page = "A runtime is\nmade.\n\n```sh\nis made\n```\n| `is made` | beside |\n";
    assert_eq!(finder.hits("a.md", page).len(), 2);
}

#[test]
fn a_long_sentence_is_found_wherever_it_ends() {
    let finder = Finder::new();
    let count = |path: &str, text: &str| finder.hits(path, text).len();
    let (longest, longer) = ("word ".repeat(LONGEST), "word ".repeat(LONGEST + 1));
    assert_eq!(count("a.md", &longest), 0);
    assert_eq!(count("a.md", &longer), 1);
    assert_eq!(count("a.md", &format!("Short. {longer}")), 1);
    assert_eq!(count("a.md", &format!("| cell | {longer}|")), 1);
    assert_eq!(count("a.md", &format!("| {longest}| {longest}|")), 0);
    assert_eq!(count("a.md", &format!("{}. {longest}", longest.trim())), 0);
    assert_eq!(count("a.md", &format!("({}.)\n{longest}", longest.trim())), 0);
    assert_eq!(count("a.md", &format!("{}: {longest}", longest.trim())), 0);
    assert_eq!(count("a.md", &format!("{longest} – ` a name of several words`")), 1);
    assert_eq!(count("a.md", &format!("{} [a](b c) `d e f`", "word ".repeat(LONGEST - 2))), 0);
    assert_eq!(count("a.rs", &format!("// {longest}\n// word")), 1);
    assert_eq!(count("a.rs", &format!("let a = \"{longer}\";")), 0);
    assert_eq!(count("a.py", &format!("# {longer}")), 1);
}
