// Copyright The Espalier Authors.
// SPDX-License-Identifier: Apache-2.0

package script

import "github.com/yuin/gopher-lua/ast"

// rewriter replaces the .. operators of a parsed program by calls of concat,
// since the machine's own makes other texts of numbers than Lua does. On its way
// it measures how deep the program is nested: who compiles it recurses as deep.
type rewriter struct {
	depth, deepest int
	concats        bool // there was one
}

const (
	// maxNesting is how deep a program may be nested.
	maxNesting = 2000
	// concatName is the name of concat in rewritten programs; none of theirs.
	concatName = "(concat)"
)

// enter goes down a level, unless that is too deep.
func (r *rewriter) enter() bool {
	r.depth++
	r.deepest = max(r.deepest, r.depth)
	return r.depth <= maxNesting
}

func (r *rewriter) leave() { r.depth-- }

func (r *rewriter) stmts(list []ast.Stmt) {
	defer r.leave()
	if !r.enter() {
		return
	}
	for _, s := range list {
		r.stmt(s)
	}
}

func (r *rewriter) stmt(s ast.Stmt) {
	switch s := s.(type) {
	case *ast.AssignStmt:
		r.exprs(s.Lhs)
		r.exprs(s.Rhs)
	case *ast.LocalAssignStmt:
		r.exprs(s.Exprs)
	case *ast.FuncCallStmt:
		s.Expr = r.expr(s.Expr)
	case *ast.DoBlockStmt:
		r.stmts(s.Stmts)
	case *ast.WhileStmt:
		s.Condition = r.expr(s.Condition)
		r.stmts(s.Stmts)
	case *ast.RepeatStmt:
		s.Condition = r.expr(s.Condition)
		r.stmts(s.Stmts)
	case *ast.IfStmt:
		s.Condition = r.expr(s.Condition)
		r.stmts(s.Then)
		r.stmts(s.Else)
	case *ast.NumberForStmt:
		s.Init, s.Limit, s.Step = r.expr(s.Init), r.expr(s.Limit), r.expr(s.Step)
		r.stmts(s.Stmts)
	case *ast.GenericForStmt:
		r.exprs(s.Exprs)
		r.stmts(s.Stmts)
	case *ast.FuncDefStmt:
		r.stmts(s.Func.Stmts)
	case *ast.ReturnStmt:
		r.exprs(s.Exprs)
	}
}

func (r *rewriter) exprs(list []ast.Expr) {
	for i := range list {
		list[i] = r.expr(list[i])
	}
}

func (r *rewriter) expr(e ast.Expr) ast.Expr {
	defer r.leave()
	if !r.enter() {
		return e
	}
	switch e := e.(type) {
	case *ast.AttrGetExpr:
		e.Object, e.Key = r.expr(e.Object), r.expr(e.Key)
	case *ast.TableExpr:
		for _, f := range e.Fields {
			if f.Key != nil {
				f.Key = r.expr(f.Key)
			}
			f.Value = r.expr(f.Value)
		}
	case *ast.FuncCallExpr:
		if e.Func != nil {
			e.Func = r.expr(e.Func)
		}
		if e.Receiver != nil {
			e.Receiver = r.expr(e.Receiver)
		}
		r.exprs(e.Args)
	case *ast.LogicalOpExpr:
		e.Lhs, e.Rhs = r.expr(e.Lhs), r.expr(e.Rhs)
	case *ast.RelationalOpExpr:
		e.Lhs, e.Rhs = r.expr(e.Lhs), r.expr(e.Rhs)
	case *ast.ArithmeticOpExpr:
		e.Lhs, e.Rhs = r.expr(e.Lhs), r.expr(e.Rhs)
	case *ast.UnaryMinusOpExpr:
		e.Expr = r.expr(e.Expr)
	case *ast.UnaryNotOpExpr:
		e.Expr = r.expr(e.Expr)
	case *ast.UnaryLenOpExpr:
		e.Expr = r.expr(e.Expr)
	case *ast.FunctionExpr:
		r.stmts(e.Stmts)
	case *ast.StringConcatOpExpr:
		return r.concat(e)
	}
	return e
}

// concat makes one call of a chain of operators, which lean to the right.
func (r *rewriter) concat(e *ast.StringConcatOpExpr) ast.Expr {
	r.concats = true
	c := &ast.FuncCallExpr{Func: &ast.IdentExpr{Value: concatName}, AdjustRet: true}
	c.Func.SetLine(e.Line())
	c.Func.SetLastLine(e.LastLine())
	c.SetLine(e.Line())
	c.SetLastLine(e.LastLine())
	var rest ast.Expr = e
	for {
		link, ok := rest.(*ast.StringConcatOpExpr)
		if !ok || len(c.Args) == maxOperands {
			break
		}
		c.Args = append(c.Args, r.expr(link.Lhs))
		rest = link.Rhs
	}
	c.Args = append(c.Args, r.expr(rest))
	return c
}

// maxOperands is how many operands one call takes, for want of registers.
const maxOperands = 50

// wrap gives the program concat as an upvalue: in a function that is called with
// it, and returns the program.
func wrap(program []ast.Stmt) []ast.Stmt {
	inner := &ast.FunctionExpr{ParList: &ast.ParList{HasVargs: true}, Stmts: program}
	outer := []ast.Stmt{
		&ast.LocalAssignStmt{Names: []string{concatName}, Exprs: []ast.Expr{&ast.Comma3Expr{}}},
		&ast.ReturnStmt{Exprs: []ast.Expr{inner}},
	}
	if len(program) > 0 {
		inner.SetLine(program[0].Line())
		last := program[len(program)-1].LastLine() + 1
		inner.SetLastLine(last)
		outer[1].SetLine(last)
	}
	return outer
}
