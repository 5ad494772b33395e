/// Calls of functions, with arguments that mostly have the types that they want.
extension ExpressionGenerator {
    /// A pipe from something of a certain type into functions for it.
    mutating func call(depth: Int) -> String {
        switch pick(9) {
        case 0: text()
        case 1: search()
        case 2: list(depth: depth)
        case 3: members(depth: depth)
        case 4: paths(depth: depth)
        case 5: number()
        case 6: date()
        case 7: stream(depth: depth)
        default: rows(depth: depth)
        }
    }

    private mutating func text() -> String {
        let text = pick([
            "\"abc\"", "\"a,b,c\"", "\" é x\\n\"", "\"\"", "\"aXbX\"", "(.a?, \"x\")", "tojson", "\"-1.5\"",
        ])
        let part = pick(["\"a\"", "\"\"", "\",\"", "\"X\"", "\"é\"", "null", "(\"a\", \"b\")", "\"c\""])
        let from = pick(["", "0", "1", "-2", "0.5", "null"])
        let to = pick(["1", "-1", "2.5", "10"])
        let function = pick([
            "startswith(\(part))", "endswith(\(part))", "ltrimstr(\(part))", "rtrimstr(\(part))", "trimstr(\(part))",
            "split(\(part))", "index(\(part))", "rindex(\(part))", "indices(\(part))", "contains(\(part))",
            "inside(\(part))", "trim", "ltrim", "rtrim", "explode", "explode | implode", "ascii_upcase",
            "ascii_downcase", "utf8bytelength", "tonumber", "toboolean", "@base64", "@base64 | @base64d", "@base64d",
            "@uri", "@uri | @urid", "@html", "@sh", "[.] | @csv", "[., 1] | @tsv", ".[\(from):\(to)]", ". * 2",
            ". / \(part)",
            "@json \"<\\(.)>\"", "@html \"<b>\\(., .)\"", "fromjson? // \"none\"",
            // jq finds empty matches inside of characters, which is one of the differences.
            "[splits(\(part == "\"\"" ? "\"b\"" : part))]",
            "format(\"json\")",
            "join(\(part))", "[.] | join(\(part))", "test(\(part))", "tojson", "[limit(2; .)]", "@text",
        ])
        return "(\(text) | try \(function) catch .)"
    }

    private mutating func search() -> String {
        let text = pick([
            "\"foo bar\"", "\"a1b22\"", "\"aAbB\"", "\"x\\ny\"", "\"é-è\"", "\"\"", "\"aaa\"", "\"2024-05-01\"", "null",
        ])
        let pattern = pick([
            "[a-z]+", "(?<n>[0-9]+)", "(a)|(?<b>b)", "\\\\bb", "^.", ".$", "(?<x>a)(?<y>1)?", "a{2}", "[^a]", "é",
            "(?i)A", "x.y", "\\\\d\\\\d", "(?=b)b", "(", " b", "(?<y>\\\\d+)-(?<m>\\\\d+)",
        ])
        let flags = pick([
            "null", "\"\"", "\"g\"", "\"i\"", "\"gi\"", "\"x\"", "\"s\"", "\"n\"", "\"p\"", "\"gx\"", "\"q\"",
        ])
        let replacement = pick(["\"_\"", "\"<\\(.n)>\"", ".x", "(\"1\", \"2\")", "empty", "tojson", "1", "\"\\(.y):\""])
        let name = pick(["test", "match", "capture", "scan", "splits", "split"])
        let regex = "\"\(pattern)\""
        let function = pick([
            "\(name)(\(regex); \(flags))", "\(name)(\(regex); \(flags))", "sub(\(regex); \(replacement))",
            "gsub(\(regex); \(replacement))", "sub(\(regex); \(replacement); \(flags))",
            "gsub(\(regex); \(replacement); \(flags))", "test(\(regex))", "[match(\(regex), \"a\").offset]",
            "[scan(\(regex))]", "[splits(\(regex))]", "capture(\(regex))", "test([\(regex), \(flags)])",
        ])
        return "[\(text) | try \(function) catch .]"
    }

    private mutating func list(depth: Int) -> String {
        let list = pick([
            "[3, 1, 2]", "[1, [2, [3]]]", "[\"b\", \"a\", null]", "[[1, 2], [3]]", "[{a: 1, b: 2}, {a: 0}]", "[.[]?]",
            "[]", "[true, false]", "[1, 1, 2]", "[\(leaf()), \(leaf())]", "[range(5)]",
        ])
        let filter = expression(depth: depth)
        let function = pick([
            "sort_by(\(filter))", "group_by(\(filter))", "unique_by(\(filter))", "min_by(\(filter))",
            "max_by(\(filter))",
            "map(\(filter))", "any(\(filter))", "all(\(filter))", "flatten(\(pick(["0", "1", "-1", "2.5"])))",
            "add(.[])",
            "first", "last", "nth(1)", "nth(2; .[])", "reverse", "transpose", "[combinations]",
            "[.[:2] | combinations(2)]",
            "bsearch(\(filter))", "index(1)", "indices([1, 2])", "contains([\(filter)])", "inside([\(filter)])",
            "index(\(filter))", "to_entries", "from_entries", "implode", "join(\", \")", "has(\(filter))", "keys",
            "min",
            "max", "unique", "sort", "add", "length", ".[1:]", ".[:-1] = [\(filter)]", "del(.[0, -1])", ". - [1]",
            "isempty(.[])", "walk(\(filter))", "[IN(.[]; 1, 2)]", "[.[] | IN(1, \"a\")]", "[skip(1; .[])]",
            "[limit(\(pick(["0", "1", "2", "-1"])); .[])]", "first(.[])", "[.[] | tostring | ascii_upcase]",
            "tojson | fromjson", "[.[] | abs?]", "@csv", "@sh", "until(length > 6; . + [1])", "[.[] as [$p] | $p]",
            "[while(length > 1; .[1:])]", "[recurse(.[1]?; . != null)]", "map_values(\(filter))", "map(type)",
            "del(.. | nulls)",
        ])
        return "(\(list) | try \(function) catch .)"
    }

    private mutating func members(depth: Int) -> String {
        let object = pick(["{a: 1, b: 2}", "{\"x y\": {z: [1]}}", "{}", "{a: null, c: \"d\"}", "(.. | objects)", "."])
        let filter = expression(depth: depth)
        let function = pick([
            "with_entries(.value |= \(filter))", "with_entries(select(\(filter)))", "to_entries | from_entries", "keys",
            "keys_unsorted", "has(\"a\")", "map_values(\(filter))", "map_values(empty)", "del(.a)", "pick(.a)",
            "pick(.b.c)",
            "walk(if type == \"number\" then . + 1 else . end)", ". * {a: {b: \(filter)}}", ". + {a: \(filter)}",
            ".a as $v | {$v, a: 2}",
            "{a, \"b\", (\"c\", \"d\"): 1}", "[.[]]", "add", "any", "all", "length", "contains({a: 1})", "tojson",
            ".[\"a\"]",
            ". as {a: $x, $b} | [$x, $b]", ". as {$a: [$first]} ?// $a | [$a, $first]", "[paths]", "[tostream]",
            "@json", "@text",
            "{if: 1, and: 2, reduce: 3, def: 4} | .if + .and", "{\"k\\(1)\", @text \"m\": 2}?",
            "{$__loc__} | .__loc__.line",
            "in({a: 1})", "inside({a: 1, b: 2, c: 3})", "INDEX(type)", "[JOIN({\"1\": 5}; .[]?; tostring)]",
        ])
        return "(\(object) | try \(function) catch .)"
    }

    private mutating func paths(depth: Int) -> String {
        let path = pick([
            ".a", ".b[0]", ".[]?", ".[1:]?", "..", "(.a, .b)", ".a // .b", "first(.[]?)",
            "getpath([\"a\", \"b\"])",
            "(.. | select(type == \"number\"))", "if .a? then .a else .b? end", "limit(1; .[]?)", "(.a | select(.))",
            "empty",
            "recurse(.[]?; true)", "(.a // null)", ".[\"a\"]?", "(null | .a)",
            "(label $l | .a, break $l, .b)", "(.a | tojson)", "(. as $x | .a)",
            "paths?", "error",
        ])
        let keys = pick([
            "[\"a\"]", "[]", "[0, \"a\"]", "[\"a\", 0]", "[-1]", "[\"b\", \"c\"]", "[null]", "[{start: 0, end: 1}]",
            "\"a\"", "[1.7]",
        ])
        let filter = expression(depth: depth)
        let function = pick([
            "[path(\(path))]", "(\(path)) |= \(filter)", "(\(path)) = \(filter)", "(\(path)) += 1", "(\(path)) //= 7",
            "(\(path)) *= 2",
            "del(\(path))", "to_entries", "delpaths([\(keys), \(keys)])", "getpath(\(keys))",
            "setpath(\(keys); \(filter))",
            "[paths(type == \"number\")]", "pick(\(path))", "[getpath(\(keys), [\"a\"])]", "(\(path)) |= empty",
            "delpaths(\(keys))",
            "[limit(3; paths)]", "(\(path)) -= 1", "(\(path)) %= 2", "(\(path)) /= 2", "map_values(\(path))?",
        ])
        return "(\(pick([".", "{a: [1, {b: 2}], b: null}", "[1, [2], {a: 3}]", "null"])) | try \(function) catch .)"
    }

    private mutating func number() -> String {
        let number = pick([
            "0", "1", "-1", "2.5", "-3.75", "100", "0.1", "1000000", "7", "(1, 2)", "\"1\"", "null", "nan", "infinite",
        ])
        let other = pick(["1", "2", "-2", "0.5", "3", "0", "nan", "infinite"])
        // Functions whose last digits depend on the C library are rounded.
        let function = pick([
            "floor", "ceil", "round", "trunc", "rint", "nearbyint", "fabs", "abs", "sqrt", "significand", "logb",
            "frexp", "modf",
            "gamma | . * 1e6 | round", "lgamma_r", "exp | . * 1e6 | round", "log2 | . * 1e6 | round",
            "sin | . * 1e6 | round",
            "atan | . * 1e6 | round", "cbrt | . * 1e6 | round", "tojson", "tostring", "isnan", "isinfinite", "isnormal",
            "isfinite",
            "finites", "normals", "length", "not", "-.", "pow(.; \(other)) | . * 1e6 | round", "ldexp(.; 2)",
            "scalb(.; 2)", "scalbln(.; -2)", "drem(.; \(other))", "fmod(.; \(other))", "fmin(.; \(other))",
            "fmax(.; \(other))",
            "fdim(.; \(other))", "fma(.; 2; \(other))", "copysign(.; \(other))", "hypot(.; \(other)) | . * 1e6 | round",
            "atan2(.; \(other)) | . * 1e6 | round", "nextafter(.; \(other))", ". % \(other)", ". / \(other)",
            ". - \(other)",
            ". * \(other)", "jn(1; .) | . * 1e6 | round", "[limit(3; range(.))]", "[limit(4; range(0; .; \(other)))]",
            ". < \(other)",
            "[., \(other)] | sort", "[., \(other)] | unique | length", "[., \(other)] | max", "tojson | fromjson",
            "[.] | implode",
            "toboolean", "@text", "@sh", "[1, 2, 3][.]", "[1, 2, 3] | .[.[0]:]", "\"a\" * . | length", "error",
            "try error catch .",
        ])
        return "[\(number) | try \(function) catch .]"
    }

    private mutating func date() -> String {
        let time = pick(["0", "1425599621", "1425599621.5", "951782400", "4102444800", "-86400", "\"x\"", "null"])
        let text = pick([
            "\"2015-03-05T23:51:47Z\"", "\"2024-02-29\"", "\"29 Feb 2024\"", "\"Thursday, March 05, 2015\"",
            "\"10:20 PM\"", "\"060 2024\"",
        ])
        let format = pick([
            "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d", "%d %b %Y", "%A, %B %d, %Y", "%I:%M %p", "%j %Y", "%H:%M:%S", "%s",
            "%e %u %w %y",
        ])
        return pick([
            "(\(time) | try gmtime catch .)", "(\(time) | try (gmtime | mktime) catch .)",
            "(\(time) | try todate catch .)",
            "(\(time) | try strftime(\"\(format)\") catch .)",
            "(\(time) | try (gmtime | strftime(\"\(format)\")) catch .)",
            "(\(time) | try localtime catch .)", "(\(time) | try strflocaltime(\"\(format) %Z\") catch .)",
            "(\(text) | try strptime(\"\(format)\") catch .)",
            "(\(text) | try (strptime(\"\(format)\") | mktime) catch .)",
            "(\(text) | try fromdate catch .)", "(\(time) | try (todateiso8601 | fromdateiso8601) catch .)",
            "([2024, \(pick(14)), \(pick(33)), 1, 2, 3.5, 0, 0] | try (mktime, todate) catch .)",
        ])
    }

    private mutating func stream(depth: Int) -> String {
        let source = expression(depth: depth)
        let filter = expression(depth: depth)
        return pick([
            "[tostream]", "fromstream(tostream)", "[1 | truncate_stream([[0], 1], [[1, 0], 2], [[1, 0]], [[1]])]",
            "[limit(5; repeat(\(leaf())))]", "[limit(3; \(source))]", "[skip(1; \(source))]", "first(\(source))",
            "[last(\(source))]",
            "isempty(\(source))", "[nth(1; \(source))]", "any(\(source); \(filter))", "all(\(source); \(filter))",
            "add(\(source))",
            "[limit(5; 1 | recurse(. * 2; . < 20))]",
            "[label $l | foreach (\(source)) as $i (0; . + 1; if . > 2 then ., break $l else . end)]",
            "reduce (\(source)) as [$p, $q] (0; [., $p, $q] | length)",
            "[foreach (\(source)) as {a: $p} (null; $p; [., $p])]",
            "[foreach (1, 2) as $i (0; . + $i, . * $i)]", "reduce (1, 2) as $i (0; . + $i, . * 2)",
            "[foreach (1, 2) as $i (0; empty)]",
            "[.[]? as [$a] ?// {a: $a} ?// $a | $a]",
            "[.[]? as {$b} ?// [$b] | [$b] | if .[0] == null then error(\"e\") else . end]?",
            "(try error(\(source)) catch .)", "[.[]? | try error catch .]", "(try error(null) catch .)",
            "[(\(source))?]",
            "(try (\(source), error(\"late\")) catch .)", "[label $a | label $b | 1, break $a, 2]",
            "[(\(source)) as $v | $v, $__loc__.line]",
            "(def f($n): if $n > 3 then $n else f($n + 1) end; f(0))", "(def f(g; $v): [g, $v]; f(\(source); 1, 2))",
            "[\(source)] | length",
            "(def f: def g: 3; g + 1; f)", "[range(0, 1; 2, 3)]", "[range(5; 0; -2)]", "(\(source)) // (\(filter))",
            "[(\(source)) and (\(filter))]",
            "[(\(source)) or (\(filter))]", "(1 as $x | [$x, (2 as $x | $x), $x])", "\"\\(1, 2) \\(\(leaf()))\"",
            "@json \"j\\(\(source))\"",
        ])
    }

    /// Rows as of a table.
    private mutating func rows(depth: Int) -> String {
        let rows = "[{id: 1, k: \"a\"}, {id: 2, k: \"b\"}, {id: 3, k: \"a\", v: \(leaf())}]"
        let filter = expression(depth: depth)
        let function = pick([
            "INDEX(.id)", "INDEX(.[]; .k)", "group_by(.k)", "group_by(.k) | map({k: .[0].k, n: length})",
            "unique_by(.k)", "sort_by(.k, -.id)",
            "sort_by(.v)", "[.[] | select(.k | IN(\"a\", \"c\"))]", "JOIN(INDEX(.id); .id | tostring)",
            "map(.v |= \(filter))", "min_by(.v)",
            "[JOIN(INDEX(.k); .[]; .k)]", "[JOIN(INDEX(.k); .[]; .k; add)]", "map({(.k): .id}) | add",
            "[.[] | [.id, .k, .v?]] | map(@csv)?",
            "map(to_entries)", "map(with_entries(.key |= ascii_upcase))", "map(has(\"v\"))",
            "[paths(scalars)] | length", "any(.[]; .v == null)",
            "map(del(.k))", "map(pick(.id))", "[.[] | .id as $i | {$i, k}]",
            "reduce .[] as {$id, $k} ({}; .[$k] += [$id])", "map(keys)", ".[].id",
            "[.[] | \"\\(.id):\\(.k)\"] | join(\" \")", "max_by(.id).k", "[limit(2; .[] | .id)]",
            "first(.[] | select(\(filter)))", "map(.v // \(filter))",
            "[foreach .[] as {$id} (0; . + $id; [$id, .])]", "walk(if type == \"object\" then del(.v) else . end)",
            "del(.[] | select(.k == \"a\"))",
            ".[1:] |= map(.id)", "[.[] | tojson | fromjson] == .", "(.[] | select(.id > 1) | .k) |= ascii_upcase",
            "map(.id) | [add, min, max, length]",
        ])
        return "(\(rows) | try (\(function)) catch .)"
    }
}
