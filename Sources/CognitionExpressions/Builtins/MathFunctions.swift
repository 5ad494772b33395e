import CognitionCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

extension Builtins {
    static let mathematics: [String: Function] = {
        var functions: [String: Function] = [
            "infinite/0": { _, _, machine throws(Unwind) in JSONValue(jq: .infinity, machine) },
            "nan/0": { _, _, machine throws(Unwind) in JSONValue(jq: .nan, machine) },
            "isinfinite/0": { input, _, _ throws(Unwind) in .bool(input.double.isInfinite) },
            "isnan/0": { input, _, _ throws(Unwind) in .bool(input.double.isNaN) },
            "isnormal/0": { input, _, _ throws(Unwind) in .bool(input.double.isNormal) },
            "frexp/0": { input, _, machine throws(Unwind) in
                let number = try machine.double(input)
                if number == 0 || !number.isFinite { return [JSONValue(jq: number, machine), 0] }
                let exponent = number.exponent + 1
                let fraction = scalbn(number, -Int32(exponent))
                return [JSONValue(jq: fraction, machine), .integer(Int64(exponent))]
            },
            "modf/0": { input, _, machine throws(Unwind) in
                let number = try machine.double(input)
                let whole = number.rounded(.towardZero)
                let fraction = number.isInfinite ? (number < 0 ? -0.0 : 0.0) : number - whole
                return [JSONValue(jq: fraction, machine), JSONValue(jq: whole, machine)]
            },
            "lgamma_r/0": { input, _, machine throws(Unwind) in
                let number = try machine.double(input)
                var sign: Int32 = 0
                let logarithm = lgamma_r(number, &sign)
                return [JSONValue(jq: logarithm, machine), .integer(Int64(sign))]
            },
            "fma/3": { _, arguments, machine throws(Unwind) in
                let first = try machine.double(arguments[0])
                let second = try machine.double(arguments[1])
                return JSONValue(jq: fma(first, second, try machine.double(arguments[2])), machine)
            },
        ]
        for (name, function) in unary {
            // Named first: the compiler (6.3.1) crashes on a closure with a thrown type that is put into an optional at once.
            let native: Function = { input, _, machine throws(Unwind) in
                JSONValue(jq: function(try machine.double(input)), machine)
            }
            functions["\(name)/0"] = native
        }
        for (name, function) in binary {
            let native: Function = { _, arguments, machine throws(Unwind) in
                let left = try machine.double(arguments[0])
                return JSONValue(jq: function(left, try machine.double(arguments[1])), machine)
            }
            functions["\(name)/2"] = native
        }
        return functions
    }()

    private static let unary: [(String, @Sendable (Double) -> Double)] = [
        ("floor", { $0.rounded(.down) }), ("ceil", { $0.rounded(.up) }), ("trunc", { $0.rounded(.towardZero) }),
        ("round", { $0.rounded(.toNearestOrAwayFromZero) }), ("rint", { $0.rounded(.toNearestOrEven) }),
        ("nearbyint", { $0.rounded(.toNearestOrEven) }), ("sqrt", { $0.squareRoot() }), ("fabs", { $0.magnitude }),
        ("acos", { acos($0) }), ("acosh", { acosh($0) }), ("asin", { asin($0) }), ("asinh", { asinh($0) }),
        ("atan", { atan($0) }), ("atanh", { atanh($0) }), ("cbrt", { cbrt($0) }), ("cos", { cos($0) }),
        ("cosh", { cosh($0) }), ("erf", { erf($0) }), ("erfc", { erfc($0) }), ("exp", { exp($0) }),
        ("exp10", { pow(10, $0) }), ("pow10", { pow(10, $0) }), ("exp2", { exp2($0) }), ("expm1", { expm1($0) }),
        ("gamma", { lgammaOf($0) }),
        ("lgamma", { lgammaOf($0) }), ("tgamma", { tgamma($0) }), ("log", { log($0) }), ("log10", { log10($0) }),
        ("log1p", { log1p($0) }), ("log2", { log2($0) }), ("logb", { logb($0) }), ("sin", { sin($0) }),
        ("sinh", { sinh($0) }), ("tan", { tan($0) }), ("tanh", { tanh($0) }), ("j0", { j0($0) }), ("j1", { j1($0) }),
        ("y0", { y0($0) }), ("y1", { y1($0) }),
        ("significand", { $0 == 0 || !$0.isFinite ? $0 : scalbn($0, -Int32($0.exponent)) }),
    ]

    private static let binary: [(String, @Sendable (Double, Double) -> Double)] = [
        ("pow", { pow($0, $1) }), ("atan2", { atan2($0, $1) }), ("fmod", { fmod($0, $1) }), ("fmin", { fmin($0, $1) }),
        ("fmax", { fmax($0, $1) }), ("fdim", { fdim($0, $1) }), ("hypot", { hypot($0, $1) }),
        ("copysign", { copysign($0, $1) }), ("drem", { remainder($0, $1) }), ("remainder", { remainder($0, $1) }),
        ("nextafter", { nextafter($0, $1) }), ("nexttoward", { nextafter($0, $1) }),
        ("jn", { jn(order($0), $1) }), ("yn", { yn(order($0), $1) }),
        ("ldexp", { scaled($0, $1) }), ("scalb", { scaled($0, $1) }), ("scalbln", { scaled($0, $1) }),
    ]

    /// The order of a Bessel function. C's time grows with it, and beyond the bound results are 0 or infinite for what doubles
    /// can tell apart.
    private static func order(_ number: Double) -> Int32 {
        number.isNaN ? 0 : Int32(max(min(number, 10_000), -10_000))
    }

    private static func scaled(_ number: Double, _ exponent: Double) -> Double {
        exponent.isNaN ? .nan : scalbn(number, Int32(max(min(exponent, 100_000), -100_000)))
    }

    /// The logarithm of the gamma function's magnitude; C's `lgamma` also writes a global sign, which nothing reads.
    private static func lgammaOf(_ number: Double) -> Double {
        var sign: Int32 = 0
        return lgamma_r(number, &sign)
    }
}

extension Machine {
    fileprivate func double(_ value: JSONValue) throws(Unwind) -> Double {
        guard let number = value.doubleValue else { throw mismatch(value, "number required") }
        return number
    }
}
