import ArgumentParser
import Base
import Operations
import Reporting

/// A verb whose operation a batch runs on many models.
protocol BatchableVerb: Verb {
  /// The option that names a list of inputs.
  associatedtype ListFlags: InputListFlags = InputListFlag
  func batchOperation(_ invocation: Invocation) throws -> any BatchableOperation
  var batchOutput: BatchOutput { get throws }
}

/// The output of a batch and how its result is printed.
struct BatchOutput {
  /// The path of the output folder; nil if none is given.
  var folder: String?
  var replacesExisting: Bool
  var isDryRun = false
  var format: ReportFormat
  /// True if a format was asked for, so that the result is printed in spite of `--quiet`.
  var hasFormat: Bool
}

extension BatchOutput {
  init(_ writer: WriterFlags) throws {
    try writer.checkFormat()
    self.init(
      folder: writer.givenOutput, replacesExisting: writer.force, isDryRun: writer.dryRun,
      format: writer.chosenFormat, hasFormat: writer.hasFormat)
  }

  init(_ report: ReportFlags) {
    self.init(
      folder: report.output, replacesExisting: report.force,
      format: report.format ?? (report.json ? .json : .text),
      hasFormat: report.json || report.format != nil)
  }
}

extension OutputVerb where Output: BatchableOperation, Flags == WriterFlags {
  func batchOperation(_ invocation: Invocation) throws -> any BatchableOperation {
    try operation(invocation)
  }

  var batchOutput: BatchOutput { get throws { try BatchOutput(writer) } }
}

extension Convert: BatchableVerb {
  func batchOperation(_ invocation: Invocation) throws -> any BatchableOperation {
    guard sweep == nil else { throw UsageError("\(setting: "sweep") cannot be part of a batch") }
    return operation(invocation)
  }
}
extension VectorExtract: BatchableVerb {}
extension VectorApply: BatchableVerb {}
extension VectorNegate: BatchableVerb {}
extension VectorCompress: BatchableVerb {}
extension CachePack: BatchableVerb { typealias ListFlags = CacheListFlag }
extension CacheUnpack: BatchableVerb { typealias ListFlags = CacheListFlag }
extension CacheConvert: BatchableVerb { typealias ListFlags = CacheListFlag }

extension Prune: BatchableVerb {
  func batchOperation(_ invocation: Invocation) throws -> any BatchableOperation {
    guard surveyOut == nil else {
      throw UsageError("\(setting: "survey-out") cannot be part of a batch")
    }
    try refuseRounds(in: "a batch")
    guard sweep == nil else { throw UsageError("\(setting: "sweep") cannot be part of a batch") }
    return operation(invocation)
  }

  var batchOutput: BatchOutput { get throws { try BatchOutput(writer) } }
}

extension RopeScale: BatchableVerb {
  func batchOperation(_ invocation: Invocation) throws -> any BatchableOperation {
    guard !configOnly else {
      throw UsageError("\(setting: "config-only") cannot be part of a batch")
    }
    return operation
  }

  var batchOutput: BatchOutput { get throws { try BatchOutput(writer) } }
}

extension Inspect: BatchableVerb {
  var batchOutput: BatchOutput { BatchOutput(report) }
}

extension Verify: BatchableVerb {
  var batchOutput: BatchOutput { BatchOutput(report) }
}
