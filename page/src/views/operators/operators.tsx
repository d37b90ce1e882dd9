export function Operators() {
  return <p>Later</p>;
}
