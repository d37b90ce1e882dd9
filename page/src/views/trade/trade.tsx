export function Trade() {
  return <p>Later</p>;
}
