import CStemmer
import Foundation

/// A stemmer of the Snowball project's library, which whoever makes it frees; one thread uses it.
///
/// Stems are made of words in small letters with their accents, as the algorithms expect them, and folded afterwards.
/// Source: snowballstem.org/algorithms.
package struct SnowballStemmer {
    package enum Language: String, Sendable, CaseIterable {
        case danish, dutch, finnish, french, german, hungarian, italian, norwegian, portuguese, russian, spanish,
            swedish

        /// Those that the library which is linked has.
        static let known = allCases.filter { language in
            guard let stemmer = sb_stemmer_new(language.rawValue, nil) else { return false }
            sb_stemmer_delete(stemmer)
            return true
        }

        /// What may stand before a word, with an apostrophe between, and is no part of it. Source: Lucene, `FrenchAnalyzer`
        /// and `ItalianAnalyzer`.
        fileprivate var elisions: Set<String> {
            switch self {
            case .french: Self.articlesOfFrench
            case .italian: Self.articlesOfItalian
            default: []
            }
        }

        private static let articlesOfFrench: Set = [
            "c", "d", "j", "jusqu", "l", "lorsqu", "m", "n", "puisqu", "qu", "quoiqu", "s", "t",
        ]
        private static let articlesOfItalian: Set = [
            "agl", "all", "c", "coll", "d", "dagl", "dall", "degl", "dell", "gl", "l", "m", "negl", "nell", "pell", "s",
            "sugl", "sull", "t", "un", "v",
        ]
    }

    private let stemmer: OpaquePointer
    private let elisions: Set<String>
    private let folding = Folding.shared

    /// - Parameter language: One of those that are ``Language/known``.
    init(_ language: Language) {
        guard let stemmer = sb_stemmer_new(language.rawValue, nil) else {
            fatalError("There is no memory for a stemmer.")
        }
        self.stemmer = stemmer
        elisions = language.elisions
    }

    func free() { sb_stemmer_delete(stemmer) }

    /// Makes a stem of a word.
    ///
    /// - Parameters:
    ///   - text: The word as it is written.
    ///   - word: The same, folded, and then the folded stem; it has room for ``WordReader/termBytesMax`` bytes.
    /// - Returns: The bytes of the stem.
    func stem(_ text: UnsafeRawBufferPointer, _ word: UnsafeMutablePointer<UInt8>, _ count: Int) -> Int {
        guard text.count <= WordReader.termBytesMax else { return count }
        if text.allSatisfy({ $0 < 0x80 }) {
            return stem(UnsafeBufferPointer(start: word, count: count), into: word, count)
        }
        var written = String(decoding: text, as: UTF8.self).precomposedStringWithCanonicalMapping.lowercased()
        written.unicodeScalars.replaceApostrophes()
        return written.withUTF8 { stem($0, into: word, count) }
    }

    private func stem(
        _ written: UnsafeBufferPointer<UInt8>, into word: UnsafeMutablePointer<UInt8>, _ count: Int
    ) -> Int {
        let rest = withoutElision(written)
        guard let stem = sb_stemmer_stem(stemmer, rest.baseAddress, Int32(rest.count)) else { return count }
        let bytes = UnsafeRawBufferPointer(start: stem, count: Int(sb_stemmer_length(stemmer)))
        guard !bytes.isEmpty else { return count }
        var (place, length) = (0, 0)
        while place < bytes.count {
            let (scalar, width) = UTF8Bytes.scalar(bytes, at: place)
            place += width
            if scalar >= 0x80, ScalarKind.of(scalar) == .ignored { continue }
            folding.fold(scalar) { length += UTF8Bytes.write($0, to: word, at: length, end: WordReader.termBytesMax) }
        }
        return length
    }

    private func withoutElision(_ word: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
        guard !elisions.isEmpty, let sign = word.prefix(8).firstIndex(of: UInt8(ascii: "'")), sign + 1 < word.count,
            elisions.contains(String(decoding: word[..<sign], as: UTF8.self))
        else { return word }
        return UnsafeBufferPointer(rebasing: word[(sign + 1)...])
    }
}

extension String.UnicodeScalarView {
    fileprivate mutating func replaceApostrophes() {
        guard contains(where: { $0.value >= 0x2018 && ScalarKind.of($0.value) == .apostrophe }) else { return }
        self = Self(map { $0.value >= 0x2018 && ScalarKind.of($0.value) == .apostrophe ? "'" : $0 })
    }
}

extension TextAnalyzer {
    /// Words of all languages, for whose stems two releases of the library differ where their algorithms do.
    private static let probe = """
        undersøgelserne lichamelijkheden opgingen edeltäjien taloissa continuation majestueusement élève Abenddämmerung \
        kategorischen házakban abbandonata città havnemyndighetene boiando quilométricas важная вернулся книгами ciudadanía \
        tornillos jaktkarlarne klokare running generously organization
        """

    /// Adds what the system's library makes of some words, so that an index of another release of it is made anew.
    func addStems(to hash: inout Fingerprint) {
        guard case .snowball = stemmer else { return }
        var text = Self.probe
        text.withUTF8 { text in
            analyze(UnsafeRawBufferPointer(text)) { hash.add(String(decoding: $0.term, as: UTF8.self)) }
        }
    }
}
