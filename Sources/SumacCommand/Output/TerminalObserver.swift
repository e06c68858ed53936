import Base
import Checkpoints
import Operations

/// An observer that prints the notices of an operation on standard error.
struct TerminalObserver: OperationObserver {
  private let isQuiet: Bool
  private let verbosity: Int
  private let color: ColorChoice
  let progress: any Progress

  init(_ global: GlobalOptions) {
    isQuiet = global.quiet
    verbosity = global.verbose
    color = global.color
    progress = global.makeProgress()
  }

  func report(_ notice: OperationNotice) {
    switch notice {
    case .failure(let error): Terminal.report(error, isQuiet: isQuiet, color: color)
    case .warning(let text): if !isQuiet { Terminal.warn(text.text(.commandLine), color: color) }
    case .note(let text): if !isQuiet { Terminal.note(text.text(.commandLine)) }
    case .decision(let tensor, let from, let to):
      if !isQuiet, verbosity > 0 { Terminal.note("\(tensor.printable): \(from) to \(to)") }
    case .measurement(let text): if !isQuiet, verbosity > 1 { Terminal.note(text) }
    }
  }
}
