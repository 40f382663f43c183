// What the trait LAPACK takes from OpenBLAS, with the names that Accelerate has on Apple systems.
// Declared here, so that the library's own headers, which differ from one distribution to the next,
// are not needed.

#ifndef C_OPENBLAS_H
#define C_OPENBLAS_H

enum CBLAS_ORDER { CblasRowMajor = 101, CblasColMajor = 102 };
enum CBLAS_TRANSPOSE { CblasNoTrans = 111, CblasTrans = 112 };

// C := alpha op(A) op(B) + beta C, with C of shape m x n and op(A) of shape m x k.
void cblas_dgemm(
    enum CBLAS_ORDER order, enum CBLAS_TRANSPOSE transA, enum CBLAS_TRANSPOSE transB,
    int m, int n, int k, double alpha, const double *a, int lda, const double *b, int ldb,
    double beta, double *c, int ldc);

#endif
