// # Draft
import ImplicitDifferentiation
