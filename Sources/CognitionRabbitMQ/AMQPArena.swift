import CRabbitMQ

/// Memory for what is told to the client library in one call.
final class AMQPArena {
    private var pieces: [UnsafeMutableRawPointer] = []

    /// Lends memory that lives until `body` has returned.
    static func lend<Value>(_ body: (AMQPArena) -> Value) -> Value {
        let arena = AMQPArena()
        return withExtendedLifetime(arena) { body(arena) }
    }

    private init() {}

    deinit { for piece in pieces { piece.deallocate() } }

    func bytes(_ text: String) -> amqp_bytes_t { bytes(Array(text.utf8)) }

    func bytes(_ bytes: [UInt8]) -> amqp_bytes_t {
        guard !bytes.isEmpty else { return amqp_bytes_t() }
        let piece = UnsafeMutableRawPointer.allocate(byteCount: bytes.count, alignment: 1)
        piece.copyMemory(from: bytes, byteCount: bytes.count)
        pieces.append(piece)
        return amqp_bytes_t(len: bytes.count, bytes: piece)
    }

    func table(_ members: [(String, amqp_field_value_t)]) -> amqp_table_t {
        guard !members.isEmpty else { return amqp_table_t() }
        let entries = UnsafeMutablePointer<amqp_table_entry_t>.allocate(capacity: members.count)
        for (index, member) in members.enumerated() {
            (entries + index).initialize(to: amqp_table_entry_t(key: bytes(member.0), value: member.1))
        }
        pieces.append(UnsafeMutableRawPointer(entries))
        return amqp_table_t(num_entries: Int32(members.count), entries: entries)
    }

    private func array(_ values: [amqp_field_value_t]) -> amqp_array_t {
        guard !values.isEmpty else { return amqp_array_t() }
        let entries = UnsafeMutablePointer<amqp_field_value_t>.allocate(capacity: values.count)
        entries.initialize(from: values, count: values.count)
        pieces.append(UnsafeMutableRawPointer(entries))
        return amqp_array_t(num_entries: Int32(values.count), entries: entries)
    }

    func table(_ headers: [String: RabbitMQMessage.Header]) -> amqp_table_t {
        table(headers.sorted { $0.key < $1.key }.map { ($0.key, value($0.value)) })
    }

    func value(_ table: amqp_table_t) -> amqp_field_value_t {
        var field = amqp_field_value_t()
        field.kind = UInt8(AMQP_FIELD_KIND_TABLE.rawValue)
        field.value.table = table
        return field
    }

    func value(_ header: RabbitMQMessage.Header) -> amqp_field_value_t {
        var field = amqp_field_value_t()
        switch header {
        case .text(let text):
            field.kind = UInt8(AMQP_FIELD_KIND_UTF8.rawValue)
            field.value.bytes = bytes(text)
        case .integer(let number):
            field.kind = UInt8(AMQP_FIELD_KIND_I64.rawValue)
            field.value.i64 = number
        case .flag(let isSet):
            field.kind = UInt8(AMQP_FIELD_KIND_BOOLEAN.rawValue)
            field.value.boolean = isSet ? 1 : 0
        case .number(let number):
            field.kind = UInt8(AMQP_FIELD_KIND_F64.rawValue)
            field.value.f64 = number
        case .bytes(let given):
            field.kind = UInt8(AMQP_FIELD_KIND_BYTES.rawValue)
            field.value.bytes = bytes(given)
        case .time(let seconds):
            field.kind = UInt8(AMQP_FIELD_KIND_TIMESTAMP.rawValue)
            field.value.u64 = seconds
        case .list(let list):
            field.kind = UInt8(AMQP_FIELD_KIND_ARRAY.rawValue)
            field.value.array = array(list.map(value))
        case .table(let headers): field = value(table(headers))
        case .nothing: field.kind = UInt8(AMQP_FIELD_KIND_VOID.rawValue)
        }
        return field
    }

    func properties(_ message: RabbitMQMessage) -> amqp_basic_properties_t {
        var properties = amqp_basic_properties_t()
        // Kept on disk.
        properties.delivery_mode = 2
        var flags = AMQP_BASIC_DELIVERY_MODE_FLAG
        if let text = message.contentType {
            properties.content_type = bytes(text)
            flags |= AMQP_BASIC_CONTENT_TYPE_FLAG
        }
        if let text = message.messageID {
            properties.message_id = bytes(text)
            flags |= AMQP_BASIC_MESSAGE_ID_FLAG
        }
        if let text = message.correlationID {
            properties.correlation_id = bytes(text)
            flags |= AMQP_BASIC_CORRELATION_ID_FLAG
        }
        if let text = message.type {
            properties.type = bytes(text)
            flags |= AMQP_BASIC_TYPE_FLAG
        }
        if let text = message.application {
            properties.app_id = bytes(text)
            flags |= AMQP_BASIC_APP_ID_FLAG
        }
        if let seconds = message.timestamp {
            properties.timestamp = seconds
            flags |= AMQP_BASIC_TIMESTAMP_FLAG
        }
        if !message.headers.isEmpty {
            properties.headers = table(message.headers)
            flags |= AMQP_BASIC_HEADERS_FLAG
        }
        properties._flags = amqp_flags_t(flags)
        return properties
    }
}

// MARK: - What the library hands over

extension RabbitMQMessage {
    /// Copies a message out of the library's memory. Headers whose names are no text are left out, and those that lie deep.
    init(_ properties: amqp_basic_properties_t, body: [UInt8]) {
        self.init(body: body)
        func text(_ flag: Int32, _ bytes: amqp_bytes_t) -> String? {
            // What is no UTF-8 would be longer when it is sent on, and 255 bytes are all there is.
            properties._flags & amqp_flags_t(flag) == 0 ? nil : String(validating: bytes.copy, as: UTF8.self)
        }
        contentType = text(AMQP_BASIC_CONTENT_TYPE_FLAG, properties.content_type)
        messageID = text(AMQP_BASIC_MESSAGE_ID_FLAG, properties.message_id)
        correlationID = text(AMQP_BASIC_CORRELATION_ID_FLAG, properties.correlation_id)
        type = text(AMQP_BASIC_TYPE_FLAG, properties.type)
        application = text(AMQP_BASIC_APP_ID_FLAG, properties.app_id)
        if properties._flags & amqp_flags_t(AMQP_BASIC_TIMESTAMP_FLAG) != 0 { timestamp = properties.timestamp }
        guard properties._flags & amqp_flags_t(AMQP_BASIC_HEADERS_FLAG) != 0 else { return }
        headers = Header.members(of: properties.headers, depth: 0)
    }
}

extension RabbitMQMessage.Header {
    /// Lists and tables in each other at most.
    private static let depthMax = 8

    fileprivate static func members(of table: amqp_table_t, depth: Int) -> [String: Self] {
        var members: [String: Self] = [:]
        for index in 0..<Int(table.num_entries) {
            let entry = table.entries[index]
            // A name with other bytes could be longer when it is sent on than a name may be.
            guard let name = String(validating: entry.key.copy, as: UTF8.self) else { continue }
            if let value = Self(entry.value, depth: depth) { members[name] = value }
        }
        return members
    }

    private init?(_ field: amqp_field_value_t, depth: Int) {
        let value = field.value
        switch amqp_field_value_kind_t(rawValue: UInt32(field.kind)) {
        case AMQP_FIELD_KIND_UTF8:
            self = String(validating: value.bytes.copy, as: UTF8.self).map { .text($0) } ?? .bytes(value.bytes.copy)
        case AMQP_FIELD_KIND_BYTES: self = .bytes(value.bytes.copy)
        case AMQP_FIELD_KIND_I8: self = .integer(Int64(value.i8))
        case AMQP_FIELD_KIND_U8: self = .integer(Int64(value.u8))
        case AMQP_FIELD_KIND_I16: self = .integer(Int64(value.i16))
        case AMQP_FIELD_KIND_U16: self = .integer(Int64(value.u16))
        case AMQP_FIELD_KIND_I32: self = .integer(Int64(value.i32))
        case AMQP_FIELD_KIND_U32: self = .integer(Int64(value.u32))
        case AMQP_FIELD_KIND_I64: self = .integer(value.i64)
        case AMQP_FIELD_KIND_U64: self = Int64(exactly: value.u64).map { .integer($0) } ?? .number(Double(value.u64))
        case AMQP_FIELD_KIND_F32: self = .number(Double(value.f32))
        case AMQP_FIELD_KIND_F64: self = .number(value.f64)
        case AMQP_FIELD_KIND_BOOLEAN: self = .flag(value.boolean != 0)
        case AMQP_FIELD_KIND_TIMESTAMP: self = .time(value.u64)
        case AMQP_FIELD_KIND_VOID: self = .nothing
        case AMQP_FIELD_KIND_TABLE where depth < Self.depthMax:
            self = .table(Self.members(of: value.table, depth: depth + 1))
        case AMQP_FIELD_KIND_ARRAY where depth < Self.depthMax:
            self = .list(
                (0..<Int(value.array.num_entries)).compactMap { Self(value.array.entries[$0], depth: depth + 1) })
        default: return nil
        }
    }
}

extension amqp_bytes_t {
    var copy: [UInt8] { bytes.map { Array(UnsafeRawBufferPointer(start: $0, count: len)) } ?? [] }
    var text: String { String(decoding: copy, as: UTF8.self) }
}
