import ArgumentParser
import Operations

struct Doctor: ReportVerb {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Show versions, CPU features and kernel speed.",
    discussion: """
      Prints the versions of sumac and of the libraries it uses, the CPU level of the kernels, the number \
      of threads, the memory limit, and the results of a one-second test of the main kernels and of OpenBLAS, \
      if it is installed. With --clean, removes the unfinished outputs of runs that were killed instead.

      Examples:
        sumac doctor
        sumac doctor --clean models/
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Report") var report: ReportFlags

  @Option(
    help: ArgumentHelp(
      "Remove the files and folders NAME.partial-* in this folder whose writers are dead.",
      valueName: "folder"), completion: .directory)
  var clean: String?

  func operation(_ invocation: Invocation) -> any Operation {
    DoctorOperation(cleanedFolder: clean)
  }
}
