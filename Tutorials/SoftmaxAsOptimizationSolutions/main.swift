// # Sol
//
// Page: docs/SoftmaxAsOptimizationSolutions.md
import LiteratePages
