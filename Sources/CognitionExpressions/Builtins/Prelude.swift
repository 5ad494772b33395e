/// The functions that are written in jq. They are parsed once, when the first expression needs one.
enum Prelude {
    static let definitions: [String: FunctionDefinition] = {
        do throws(SyntaxFault) {
            let parsed = try Parser.definitions(source)
            return Dictionary(parsed.map { ("\($0.name)/\($0.parameters.count)", $0) }, uniquingKeysWith: { $1 })
        } catch {
            preconditionFailure("The functions written in jq do not parse: \(error.reason), offset \(error.offset).")
        }
    }()

    private static let source = #"""
        def values: select(. != null);
        def nulls: select(. == null);
        def booleans: select(type == "boolean");
        def numbers: select(type == "number");
        def strings: select(type == "string");
        def arrays: select(type == "array");
        def objects: select(type == "object");
        def iterables: select(type | . == "array" or . == "object");
        def scalars: select(type | . != "array" and . != "object");
        def finites: select(isfinite);
        def normals: select(isnormal);
        def isfinite: type == "number" and (isinfinite | not);
        def isvalid(f): try (f | true) catch false;
        def recurse_down: recurse;
        def leaf_paths: paths(scalars);
        def add(f): reduce f as $item (null; . + $item);
        def any: any(.[]; .);
        def any(f): any(.[]; f);
        def all: all(.[]; .);
        def all(f): all(.[]; f);
        def isempty(g): first((g | false), true);
        def in(xs): . as $key | xs | has($key);
        def inside(xs): . as $part | xs | contains($part);
        def nth($n): .[$n];
        def nth($n; g): if $n < 0 then error("nth doesn't support negative indices") else first(skip($n; g)) end;
        def with_entries(f): to_entries | [.[] | f] | from_entries;
        def paths: path(recurse) | select(length > 0);
        def paths(f): path(recurse | select(f)) | select(length > 0);
        def pick(f): . as $whole | reduce path(f) as $path (null; setpath($path; $whole | getpath($path)));
        def abs: if . < 0 then -. else . end;
        def toarray: if type == "array" then . else [.] end;
        def index($part): indices($part) | .[0];
        def rindex($part): indices($part) | .[-1:][0];
        def combinations:
            if length == 0 then []
            else .[0][] as $head | (.[1:] | combinations) as $tail | [$head] + $tail
            end;
        def combinations(n): . as $set | [range(n)] | map($set) | combinations;
        def transpose:
            if type == "array" and all(.[]; type == "array") then _transpose
            else [range(0; map(length) | max // 0) as $i | [.[][$i]]]
            end;
        def tostream:
            path(def children: (.[]? | children), .; children) as $path
            | getpath($path)
            | reduce path(.[]?) as $last ([$path, .]; [$path + $last]);
        def fromstream(f):
            {value: null, done: false} as $start
            | foreach f as $event ($start;
                if .done then $start else . end
                | if $event | length == 2
                  then setpath(["done"]; $event[0] | length == 0) | setpath(["value"] + $event[0]; $event[1])
                  else setpath(["done"]; $event[0] | length == 1)
                  end;
                if .done then .value else empty end);
        def truncate_stream(f):
            . as $n | null | f | . as $event
            | if (.[0] | length) > $n then setpath([0]; $event[0][$n:]) else empty end;
        def todateiso8601: strftime("%Y-%m-%dT%H:%M:%SZ");
        def fromdateiso8601: strptime("%Y-%m-%dT%H:%M:%SZ") | mktime;
        def todate: todateiso8601;
        def fromdate: fromdateiso8601;
        def date: todate;
        def dateadd(unit; $amount): . + $amount;
        def datesub(unit; $amount): . - $amount;
        def INDEX(stream; key): reduce stream as $row ({}; .[$row | key | tostring] = $row);
        def INDEX(key): INDEX(.[]; key);
        def IN(set): any(set == .; .);
        def IN(source; set): any(source == set; .);
        def JOIN($index; key): [.[] | [., $index[key]]];
        def JOIN($index; stream; key): stream | [., $index[key]];
        def JOIN($index; stream; key; joined): stream | [., $index[key]] | joined;
        def ascii: [.] | implode;
        def match(pattern; flags): _match(pattern; flags; false) | .[];
        def match($spec): _match_arguments($spec) as [$pattern, $flags] | match($pattern; $flags);
        def test(pattern; flags): _match(pattern; flags; true);
        def test($spec): _match_arguments($spec) as [$pattern, $flags] | test($pattern; $flags);
        def _named: reduce (.captures[] | select(.name != null)) as $capture ({}; .[$capture.name] = $capture.string);
        def capture(pattern; flags): match(pattern; flags) | _named;
        def capture($spec): match($spec) | _named;
        def scan($pattern; $flags):
            match($pattern; "g" + $flags)
            | if .captures | length > 0 then [.captures[].string] else .string end;
        def scan($pattern): scan($pattern; null);
        def splits($pattern; $flags):
            . as $text
            | foreach (match($pattern; $flags + "g"), null) as $match ({end: 0};
                {start: .end, stop: $match.offset, end: ($match | .offset + .length)};
                . as $cut | $text[$cut.start:$cut.stop]);
        def splits($pattern): splits($pattern; null);
        def split($pattern; $flags): [splits($pattern; $flags)];
        def sub($pattern; text; $flags):
            . as $whole
            | (reduce match($pattern; $flags) as $match ({parts: [], end: 0};
                .end as $end
                | $whole[$end:$match.offset] as $gap
                | [$match | _named | text] as $texts
                | reduce range($texts | length) as $i (.; .parts[$i] += $gap + $texts[$i])
                | .end = $match.offset + $match.length)
               | .end as $end | .parts[] + $whole[$end:])
            // $whole;
        def sub($pattern; text): sub($pattern; text; "");
        def gsub($pattern; text; $flags): sub($pattern; text; $flags + "g");
        def gsub($pattern; text): sub($pattern; text; "g");
        """#
}
