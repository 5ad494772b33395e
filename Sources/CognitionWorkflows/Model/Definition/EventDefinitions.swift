package import CognitionCore
package import CognitionExpressions

/// `emit`: an event as its author describes it.
package struct EmitDefinition: Sendable {
    /// An object of CloudEvents attributes; `source` and `type` are there.
    package let attributes: Template
}

/// `listen`: which events a task waits for, and what it gives of them.
package struct ListenDefinition: Sendable {
    /// What an event is to the task's output.
    package enum Reading: String, Sendable, CaseIterable {
        /// Its data.
        case data
        /// The whole event with its attributes.
        case envelope
        /// Its data as the text it came as: JSON for anything but a string.
        case raw
    }

    package let strategy: EventStrategy
    package let read: Reading
    package let iterator: SubscriptionIterator?
}

/// Which events are consumed before a task or a workflow goes on.
package struct EventStrategy: Sendable {
    package enum Mode: Sendable {
        /// One event of its only filter.
        case one
        /// One event of each filter.
        case all
        /// One event that matches any filter, or every event until something says stop; without filters, any event at all.
        case any(until: Until)
    }

    package indirect enum Until: Sendable {
        /// After the first event.
        case first
        /// Once the condition is true of the array of what was consumed so far.
        case condition(Expression)
        /// Once this strategy, which gives no output, has what it waits for.
        case events(EventStrategy)
    }

    package let mode: Mode
    package let filters: [EventFilterDefinition]

    /// Its own filters, and after them those that tell it to stop.
    package var allFilters: [EventFilterDefinition] {
        if case .any(.events(let until)) = mode { filters + until.filters } else { filters }
    }
}

/// Which events a filter takes: those that have all its attributes, and whose correlation values are those expected.
package struct EventFilterDefinition: Sendable {
    package enum Attribute: Sendable {
        /// Equal to this value.
        case equals(JSONValue)
        /// Equal to this text, or matched as a whole by it as a regular expression.
        case pattern(String, RegularExpression)
        /// An expression over the attribute: a result that is true or false is the verdict, any other has to equal it.
        case expression(Template)
    }

    package struct Correlation: Sendable {
        package let name: String
        /// Over the event with its attributes.
        package let from: Expression
        /// Over the task's input; `nil` takes the value of the first event.
        package let expect: Template?
    }

    package let attributes: [(name: String, attribute: Attribute)]
    package let correlations: [Correlation]

    /// The type, when only events of that type pass.
    package var type: String? {
        for case (name: "type", attribute: .equals(.string(let type))) in attributes { return type }
        return nil
    }

    /// The correlation by which events find listeners without asking each of them: the first that expects a value and reads
    /// nothing but the event.
    package var index: Correlation? { correlations.first { $0.expect != nil && $0.from.variables.isEmpty } }
}

/// `foreach` of a `listen`: tasks for each event, one event after the other.
package struct SubscriptionIterator: Sendable {
    /// Names of the variables, without `$`.
    package let item: String
    package let at: String
    package let body: TaskList
    package let output: OutputDefinition
    package let export: ExportDefinition?
}
