/// What each document has in a field: numbers, or ordinals of the field's sorted values. Read by document.
///
/// On disk: a head of 8 bytes (shape, representation, 2 bytes of padding, count of values in 4), then by shape
/// - `single`: a number for each document;
/// - `sparse`: a bit for each document that has one, then a number for each document;
/// - `multiple`: where each document's values begin and the last end, then the values, ascending in each document.
struct Column: Sendable {
    enum Shape: UInt8 { case single = 1, sparse, multiple }

    /// What the 64 bits of a value are.
    enum Representation: UInt8 {
        /// A whole number: of microseconds, of the place in the dictionary, or a number that happens to be whole.
        case integer
        /// A double whose bits are turned so that they are in its order.
        case double
    }

    let shape: Shape
    let representation: Representation
    let documentCount: Int
    private let values: PackedNumbers
    private let starts: PackedNumbers?
    private let presence: Presence

    /// A bit for each document; all are set where there are none.
    private struct Presence: @unchecked Sendable {
        // Unchecked as it holds a pointer: into the memory of a segment, which does not change and outlives it.
        var words: UnsafeRawPointer?

        @inline(__always)
        subscript(document: Int) -> Bool {
            guard let words else { return true }
            let word = words.loadUnaligned(fromByteOffset: (document &>> 6) &<< 3, as: UInt64.self)
            return (UInt64(littleEndian: word) &>> UInt64(document & 63)) & 1 == 1
        }
    }

    /// `nil` if the bytes do not fit the number of documents.
    init?(_ bytes: UnsafeRawBufferPointer, documentCount: Int) {
        var source = ByteSource(bytes)
        guard let shape = Shape(rawValue: source.byte()), let representation = Representation(rawValue: source.byte())
        else { return nil }
        _ = source.take(2)
        let valueCount = Int(source.number(UInt32.self))
        var (presence, starts) = (Presence(), PackedNumbers?.none)
        switch shape {
        case .single: break
        case .sparse: presence.words = source.take((documentCount + 63) / 64 * 8).baseAddress
        case .multiple:
            starts = PackedNumbers(&source, count: documentCount + 1)
            if starts == nil { return nil }
        }
        guard !source.failed,
            let values = PackedNumbers(&source, count: shape == .multiple ? valueCount : documentCount)
        else { return nil }
        (self.shape, self.representation, self.documentCount) = (shape, representation, documentCount)
        (self.values, self.starts, self.presence) = (values, starts, presence)
    }

    /// The places of a document's values.
    @inline(__always)
    func places(of document: Int) -> Range<Int> {
        guard let starts else { return document..<(presence[document] ? document + 1 : document) }
        let (first, end) = (Int(starts[document]), Int(starts[document + 1]))
        // What damage could have made of it must not be read.
        return first >= 0 && first <= end && end <= values.count ? first..<end : 0..<0
    }

    @inline(__always)
    func hasValue(_ document: Int) -> Bool { !places(of: document).isEmpty }

    /// The 64 bits at a place that ``places(of:)`` gave.
    @inline(__always)
    subscript(place: Int) -> Int64 { values[place] }

    /// A number as its field's kind means it.
    @inline(__always)
    func double(_ bits: Int64) -> Double {
        representation == .integer ? Double(bits) : Column.double(ordered: bits)
    }

    /// Doubles in an order of whole numbers, and back.
    static func ordered(_ double: Double) -> Int64 {
        // 0 and -0 are the same number.
        let bits = Int64(bitPattern: (double == 0 ? 0 : double).bitPattern)
        return bits ^ ((bits >> 63) & .max)
    }

    static func double(ordered: Int64) -> Double {
        Double(bitPattern: UInt64(bitPattern: ordered ^ ((ordered >> 63) & .max)))
    }
}

/// Gathers a column document by document.
struct ColumnWriter {
    private var starts: [Int64] = [0]
    private var values: [Int64] = []
    private var isMultiple = false

    var documentCount: Int { starts.count - 1 }
    var isEmpty: Bool { values.isEmpty }

    /// Values of the next document, in ascending order.
    mutating func add(_ numbers: some Collection<Int64>) {
        values.append(contentsOf: numbers)
        if numbers.count > 1 { isMultiple = true }
        starts.append(Int64(values.count))
    }

    /// The same column of whole numbers, of one whose values are bits of whole doubles in their order.
    func whole() -> ColumnWriter {
        var column = self
        for place in values.indices { column.values[place] = Int64(Column.double(ordered: values[place])) }
        return column
    }

    func write(_ representation: Column.Representation) -> ByteSink {
        let sink = ByteSink()
        let isFull = values.count == documentCount
        let shape: Column.Shape = isMultiple ? .multiple : isFull ? .single : .sparse
        sink.append(shape.rawValue)
        sink.append(representation.rawValue)
        sink.append(UInt16(0))
        sink.append(UInt32(values.count))
        switch shape {
        case .single: PackedNumbers.write(values, into: sink)
        case .sparse:
            let least = values.min() ?? 0
            var word: UInt64 = 0
            var spread: [Int64] = []
            spread.reserveCapacity(documentCount)
            for document in 0..<documentCount {
                let has = starts[document + 1] > starts[document]
                if has { word |= 1 << UInt64(document & 63) }
                spread.append(has ? values[Int(starts[document])] : least)
                if document & 63 == 63 || document == documentCount - 1 {
                    sink.append(word)
                    word = 0
                }
            }
            PackedNumbers.write(spread, into: sink)
        case .multiple:
            PackedNumbers.write(starts, into: sink)
            PackedNumbers.write(values, into: sink)
        }
        return sink
    }
}
